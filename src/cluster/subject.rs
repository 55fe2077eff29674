//! The names on a server: streams, subjects, and who may use which.
//!
//! A *context* is what answers depend on beside their job and the arithmetic: network, images,
//! quantizer. A *pool* is a context with one arithmetic; jobs go to a pool.

use super::access::Role;

/// Jobs that wait for a worker, or for the word that they are done.
pub const JOBS: &str = "AQ4_JOBS";
/// Answers, and what was set aside.
pub const ANSWERS: &str = "AQ4_ANSWERS";
/// What there is to evaluate: contexts.
pub const CONTEXTS: &str = "AQ4_CONTEXTS";
/// Pieces of files that workers lack.
pub const BLOBS: &str = "AQ4_BLOBS";
/// All streams.
pub const STREAMS: [&str; 4] = [JOBS, ANSWERS, CONTEXTS, BLOBS];

/// Of a job in a pool.
pub fn job(pool: &str, key: &str) -> String {
    format!("aq4.jobs.{pool}.{key}")
}

/// Of all jobs of a pool.
pub fn jobs(pool: &str) -> String {
    format!("aq4.jobs.{pool}.*")
}

/// Of the answer to a job.
pub fn answer(pool: &str, key: &str) -> String {
    format!("aq4.answers.{pool}.{key}")
}

/// Of all answers of a pool.
pub fn answers(pool: &str) -> String {
    format!("aq4.answers.{pool}.*")
}

/// Of a job that was set aside.
pub fn poison(pool: &str, key: &str) -> String {
    format!("aq4.poison.{pool}.{key}")
}

/// Of a job with two different answers.
pub fn alarm(pool: &str, key: &str) -> String {
    format!("aq4.alarms.{pool}.{key}")
}

/// Of a job that comes back without an answer, to the search that asked.
pub fn returned(session: &str) -> String {
    format!("aq4.returned.{session}")
}

/// Of how far jobs of a search are.
pub fn progress(session: &str) -> String {
    format!("aq4.progress.{session}")
}

/// Of the word that a job is wanted no more.
pub fn cancel(session: &str) -> String {
    format!("aq4.cancel.{session}")
}

/// Of the word that a search is there.
pub fn wanted(session: &str) -> String {
    format!("aq4.wanted.{session}")
}

/// Of the word that a worker is there.
pub fn presence(worker: &str) -> String {
    format!("aq4.presence.{worker}")
}

/// Of what a context is.
pub fn context(context: &str) -> String {
    format!("aq4.contexts.{context}")
}

/// Of one piece of a file.
pub fn blob(hash: &str, piece: u64) -> String {
    format!("aq4.blobs.{hash}.{piece}")
}

/// True for what may be a part of a subject: a name of ours has nothing else.
pub fn is_token(text: &str) -> bool {
    let is_ours = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=64).contains(&text.len()) && text.chars().all(is_ours)
}

/// The prefix of the subjects at which a role gets replies: no role hears those of another.
pub fn inbox(role: Role) -> String {
    format!("_INBOX_{}", role.name())
}

/// What a role may publish on.
pub fn may_publish(role: Role) -> Vec<String> {
    let stream = |verb: &str, of: &str| format!("$JS.API.STREAM.{verb}.{of}");
    let mut all: Vec<String> = Vec::new();
    match role {
        Role::Coordinator => {
            let own = [
                "jobs", "poison", "alarms", "cancel", "wanted", "contexts", "blobs",
            ];
            all.extend(own.map(|name| format!("aq4.{name}.>")));
            for of in STREAMS {
                all.extend(["CREATE", "INFO"].map(|verb| stream(verb, of)));
            }
            all.extend([
                stream("MSG.DELETE", JOBS),
                stream("MSG.GET", JOBS),
                format!("$JS.API.DIRECT.GET.{ANSWERS}"),
                format!("$JS.API.DIRECT.GET.{BLOBS}"),
                format!("$JS.API.DIRECT.GET.{CONTEXTS}"),
            ]);
            let verbs = ["DURABLE.CREATE", "INFO", "DELETE"];
            all.extend(verbs.map(|verb| format!("$JS.API.CONSUMER.{verb}.{JOBS}.*")));
        }
        Role::Worker => {
            let own = ["answers", "returned", "progress", "presence"];
            all.extend(own.map(|name| format!("aq4.{name}.>")));
            all.extend([
                format!("$JS.API.CONSUMER.MSG.NEXT.{JOBS}.*"),
                format!("$JS.ACK.{JOBS}.>"),
            ]);
            let read = [CONTEXTS, BLOBS, ANSWERS];
            all.extend(read.map(|of| format!("$JS.API.DIRECT.GET.{of}")));
        }
        Role::Viewer => {
            all.extend(STREAMS.map(|of| stream("INFO", of)));
            all.extend([
                format!("$JS.API.CONSUMER.INFO.{JOBS}.*"),
                format!("$JS.API.CONSUMER.LIST.{JOBS}"),
                format!("$JS.API.DIRECT.GET.{ANSWERS}"),
            ]);
        }
    }
    all
}

/// What a role may hear.
pub fn may_subscribe(role: Role) -> Vec<String> {
    let names: &[&str] = match role {
        Role::Coordinator => &["presence", "answers", "returned", "progress"],
        Role::Worker => &["wanted", "cancel"],
        Role::Viewer => &["presence", "wanted"],
    };
    let mut all: Vec<String> = names.iter().map(|name| format!("aq4.{name}.>")).collect();
    all.push(format!("{}.>", inbox(role)));
    if role == Role::Coordinator {
        all.push(format!("{GIVEN_UP}.*"));
    }
    all
}

/// The prefix of the server's word that a job was given out as often as it may be.
pub const GIVEN_UP: &str = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.AQ4_JOBS";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_role_may_do_the_work_of_another() {
        let may = |role, subject: &str| {
            let begins = |p: &String| {
                let p = p.trim_end_matches(['>', '*']);
                subject.starts_with(p)
            };
            may_publish(role).iter().any(begins)
        };
        assert!(may(Role::Coordinator, &job("p", "k")) && !may(Role::Worker, &job("p", "k")));
        assert!(may(Role::Worker, &answer("p", "k")) && !may(Role::Coordinator, &answer("p", "k")));
        for own in [job("p", "k"), answer("p", "k"), cancel("s"), presence("w")] {
            assert!(!may(Role::Viewer, &own), "{own}");
        }
        for role in [Role::Worker, Role::Viewer] {
            assert!(!may(role, "$JS.API.STREAM.DELETE.AQ4_JOBS"));
            assert!(!may(role, "$JS.API.STREAM.CREATE.AQ4_JOBS"));
        }
    }

    #[test]
    fn tokens_have_no_dots_and_no_wildcards() {
        assert!(is_token("0af3-x_Y"));
        for bad in ["", "a.b", "*", ">", "a b", "ä", &"x".repeat(65)] {
            assert!(!is_token(bad), "{bad}");
        }
    }
}
