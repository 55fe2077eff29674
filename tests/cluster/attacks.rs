//! Whoever speaks on the server's subjects: what is not believed changes nothing.

use std::collections::HashSet;
use std::time::Duration;

use aq4svit::cluster::{Role, Secret};
use async_nats::{Client, ConnectOptions};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::field::{Field, finished};

/// A connection of somebody who has the password of a role.
fn somebody(field: &Field, role: Role) -> (Runtime, Client) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let login = field.login(role);
    let Secret::Password(password) = login.secret else {
        panic!("a password")
    };
    let options = ConnectOptions::new()
        .user_and_password(role.name().into(), password)
        .custom_inbox_prefix(format!("_INBOX_{}", role.name()));
    let client = runtime.block_on(options.connect(&login.address)).unwrap();
    (runtime, client)
}

#[test]
fn wrong_credentials_are_refused_with_advice() {
    let Some(field) = Field::start() else { return };
    let file = field.demo.path("cluster-worker.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let Secret::Password(password) = field.login(Role::Worker).secret else {
        panic!("a password")
    };
    std::fs::write(&file, text.replace(&password, "wrong")).unwrap();
    let output = field
        .demo
        .run(&["worker", "--cluster", "cluster-worker.toml"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("refuses these credentials"), "{said}");
    // The file of a worker lets no search in.
    std::fs::write(&file, text).unwrap();
    let search = [
        "search",
        "small.toml",
        "--json",
        "--cluster",
        "cluster-worker.toml",
    ];
    let output = field.demo.run(&search);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("gives no access as coordinator"), "{said}");
}

#[test]
fn garbage_on_every_subject_is_harmless() {
    let Some(field) = Field::start() else { return };
    let _worker = field.worker("seed=7,ms=40");
    let mut search = field.search("run", &[]);
    field.wait_for_events("run", 2);
    let status = field.status();
    let pools: Vec<String> = status.pools.iter().map(|p| p.pool.clone()).collect();
    let sessions: Vec<String> = status.searches.iter().map(|s| s.session.clone()).collect();
    let contexts: Vec<String> = status.searches.iter().map(|s| s.context.clone()).collect();
    assert!(!pools.is_empty() && !sessions.is_empty());
    let names = ["x", &pools[0], &sessions[0], &contexts[0]];
    let texts: [&[u8]; 5] = [
        b"",
        b"\xff\xfe garbage",
        b"{\"version\":1,\"message\":{}}",
        b"{\"version\":99}",
        b"[[[[",
    ];
    for role in Role::ALL {
        let (runtime, client) = somebody(&field, role);
        runtime.block_on(async {
            for kind in [
                "jobs", "answers", "poison", "alarms", "returned", "progress", "presence",
                "cancel", "wanted", "contexts", "blobs",
            ] {
                for name in names {
                    for text in texts {
                        for subject in
                            [format!("aq4.{kind}.{name}"), format!("aq4.{kind}.{name}.x")]
                        {
                            client.publish(subject, text.to_vec().into()).await.unwrap();
                        }
                    }
                }
            }
            client.flush().await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        });
    }
    assert!(!search.has_ended());
    finished(search);
    assert_eq!(field.journal("run"), field.alone(&[]));
    // What was in the queue and is no job is gone.
    let left = field.status().streams["AQ4_JOBS"].0;
    assert!(left <= names.len() as u64 * 10 * 2, "{left}");
}

#[test]
fn duplicate_and_late_answers_are_harmless_and_a_different_one_is_an_alarm() {
    let Some(field) = Field::start() else { return };
    let _worker = field.worker("seed=7,ms=8");
    let (runtime, client) = somebody(&field, Role::Worker);
    // A worker may not hear answers: a search may.
    let (listening, ears) = somebody(&field, Role::Coordinator);
    let mut answers = listening.block_on(ears.subscribe("aq4.answers.>")).unwrap();
    listening.block_on(ears.flush()).unwrap();
    let search = field.search("run", &[]);
    let mut forged = HashSet::new();
    let mut first = None;
    while forged.len() < 6 {
        let heard = listening.block_on(answers.next()).expect("answers");
        let answer: Value = serde_json::from_slice(&heard.payload).unwrap();
        if !forged.insert(heard.subject.to_string()) {
            continue;
        }
        let mut late = answer.clone();
        late["message"]["worker"] = "late".into();
        let mut other = answer.clone();
        other["message"]["worker"] = "liar".into();
        let is_drift = other["message"]["outcome"]["answer"] == "drift";
        if is_drift {
            other["message"]["outcome"]["drift"] = json!(123.0);
        }
        runtime.block_on(async {
            for again in [&answer, &late] {
                let text = again.to_string().into_bytes();
                client
                    .publish(heard.subject.clone(), text.into())
                    .await
                    .unwrap();
            }
            if is_drift && first.is_none() {
                first = Some(answer["message"]["worker"].as_str().unwrap().to_owned());
                let text = other.to_string().into_bytes();
                client
                    .publish(heard.subject.clone(), text.into())
                    .await
                    .unwrap();
            }
            client.flush().await.unwrap();
        });
    }
    let said = finished(search);
    let first = first.expect("a drift among the first answers");
    assert!(said.contains("different answers"), "{said}");
    assert!(said.contains(&first) && said.contains("liar"), "{said}");
    assert_eq!(field.journal("run"), field.alone(&[]));
    let troubles = field.status().troubles;
    assert!(
        troubles.iter().any(|t| t.what.contains("liar")),
        "{troubles:?}"
    );
}

#[test]
fn a_job_at_which_every_worker_fails_is_set_aside() {
    let Some(field) = Field::start() else { return };
    // Each of three workers fails at its first job, which is the same one.
    let _workers = [(); 3].map(|()| field.worker("seed=7,fail=1"));
    field.wait("three workers", || field.status().workers.len() == 3);
    let output = field.search("run", &["--workers", "1"]).output();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("was set aside"), "{said}");
    assert!(said.contains("continue with `aq4svit resume"), "{said}");
    let troubles = field.status().troubles;
    assert!(
        troubles.iter().any(|t| t.what.contains("set aside")),
        "{troubles:?}"
    );
    // The faults are over.
    let resume = ["resume", "run", "--json", "--cluster", "cluster.toml"];
    finished(field.spawn(&resume, ""));
    assert_eq!(field.journal("run"), field.alone(&[]));
}
