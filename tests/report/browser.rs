//! The page in a browser: no error in its console, no request, nothing cut off. Where there is no
//! Chromium the reason is printed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let mut all =
        std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    all.find(|program| program.is_file())
}

fn browse(program: &Path, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    command.arg("120").arg(program);
    command.args([
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
    ]);
    command.args([
        "--enable-logging=stderr",
        "--v=0",
        "--disable-background-networking",
    ]);
    command.arg(format!(
        "--user-data-dir={}",
        folder.join("browser").display()
    ));
    command.args(arguments).current_dir(folder);
    command.output().expect("the browser runs")
}

/// Measures the page from inside: the widths of texts in figures and of the page.
const MEASURE: &str = r#"<script>
addEventListener("load", () => {
  const wrong = [];
  for (const svg of document.querySelectorAll("svg")) {
    const frame = svg.getBoundingClientRect();
    for (const text of svg.querySelectorAll("text")) {
      const box = text.getBoundingClientRect();
      if (!text.textContent.trim()) continue;
      if (box.left < frame.left - 2 || box.right > frame.right + 2 || box.top < frame.top - 2 || box.bottom > frame.bottom + 2)
        wrong.push("cut off: " + text.textContent);
      if (parseFloat(getComputedStyle(text).fontSize) * frame.width / svg.viewBox.baseVal.width < 11)
        wrong.push("small: " + text.textContent);
    }
  }
  if (document.documentElement.scrollWidth > innerWidth) wrong.push("the page is too wide");
  document.body.dataset.wrong = wrong.join("; ");
  document.body.dataset.paper = getComputedStyle(document.documentElement).backgroundColor;
  document.body.dataset.ink = getComputedStyle(document.querySelector("svg text")).fill;
});
</script>"#;

#[test]
fn the_page_is_shown_without_errors() {
    let Some(program) = chromium() else {
        println!("not run: there is no Chromium here (Debian's package is chromium)");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let page = super::page::page();
    std::fs::write(folder.join("report.html"), &page).expect("space");
    // The page has no script of its own: this one is added to measure it.
    let measured = page.replace("</body>", &format!("{MEASURE}</body>"));
    std::fs::write(folder.join("measured.html"), measured).expect("space");
    let address = |name: &str| format!("file://{}", folder.join(name).display());

    let shown = browse(&program, folder, &["--dump-dom", &address("report.html")]);
    let log = String::from_utf8_lossy(&shown.stderr).into_owned();
    assert!(shown.status.success(), "{log}");
    assert!(!log.contains("CONSOLE"), "{log}");

    for (scheme, paper, ink) in [
        ("light", "rgb(255, 255, 255)", "rgb(27, 31, 36)"),
        ("dark", "rgb(20, 24, 29)", "rgb(230, 233, 237)"),
    ] {
        let dark = format!(
            "--blink-settings=preferredColorScheme={}",
            u8::from(scheme == "light")
        );
        let arguments = [
            &dark,
            "--window-size=900,1200",
            "--dump-dom",
            &address("measured.html"),
        ];
        let shown = browse(&program, folder, &arguments);
        let dom = String::from_utf8_lossy(&shown.stdout).into_owned();
        let data = |name: &str| {
            let (_, rest) = dom
                .split_once(&format!("data-{name}=\""))
                .expect("it was measured");
            rest.split('"').next().unwrap_or_default().to_owned()
        };
        assert_eq!(data("wrong"), "", "{scheme}");
        assert_eq!(data("paper"), paper, "{scheme}");
        assert_eq!(data("ink"), ink, "{scheme}");
    }

    let pdf = folder.join("report.pdf");
    let print = format!("--print-to-pdf={}", pdf.display());
    browse(&program, folder, &[&print, &address("report.html")]);
    let pdf = std::fs::read(pdf).expect("it is printed");
    assert!(pdf.starts_with(b"%PDF"));
}
