//! What comes back: answers, jobs without one, and what is wrong with either.

use super::*;

impl Desk {
    /// An answer, from whomever.
    pub(super) fn answer(&mut self, key: &str, payload: &[u8]) {
        let Ok(answer) = message::read::<Answer>(payload) else {
            return;
        };
        if answer.key != key || answer.pool != self.pool {
            return;
        }
        let digest = answer.digest();
        if let Some((known, by)) = self.answered.get(key)
            && *known != digest
        {
            let what = format!(
                "the workers {by} and {} gave different answers to the same question; the first one, of {by}, counts. One of these machines computes wrongly: compare `aq4svit doctor` on both",
                answer.worker
            );
            self.trouble(subject::alarm(&self.pool, key), key, None, &what);
            let _ = self.news.send(News::Note(what));
        }
        let Some(pending) = self.pending.get(key) else {
            return;
        };
        if !answer.answers(&pending.job) {
            return;
        }
        if !self.answered.contains_key(key) {
            self.answered
                .insert(key.to_owned(), (digest, answer.worker));
        }
        let told = Told::Answer(Box::new(answer.outcome), answer.spent.into());
        self.settle(key, &told);
    }

    /// Has something kept that `cluster status` shows.
    pub(super) fn trouble(&self, subject: String, key: &str, job: Option<&Job>, what: &str) {
        let job = job.cloned().unwrap_or_else(|| Job {
            allocation: crate::quant::Allocation(Vec::new()),
            question: Question::LayerErrors,
        });
        let trouble = Trouble {
            pool: self.pool.clone(),
            key: key.to_owned(),
            job,
            what: what.to_owned(),
        };
        let connection = self.connection.clone();
        tokio::spawn(async move {
            let _ = connection
                .keep(subject, None, message::write(&trouble))
                .await;
        });
    }

    /// A job that comes back.
    pub(super) fn returned(&mut self, payload: &[u8]) {
        let Ok(returned) = message::read::<Returned>(payload) else {
            return;
        };
        let Some(pending) = self.pending.get_mut(&returned.key) else {
            return;
        };
        if returned.session != self.session || returned.attempt != pending.attempt {
            return;
        }
        let key = returned.key;
        match returned.error {
            None => self.give_out(&key, PAUSE),
            Some(error) if error.may_retry() => {
                pending.failures += 1;
                if pending.failures < MAX_DELIVER {
                    let note = format!(
                        "worker {} failed ({error}); another one gets its job",
                        returned.worker
                    );
                    let _ = self.news.send(News::Note(note));
                    self.give_out(&key, PAUSE);
                } else {
                    let last = format!("worker {}: {error}", returned.worker);
                    self.set_aside(&key, last);
                }
            }
            Some(error) => self.settle(&key, &Told::Error(error)),
        }
    }

    /// Workers fail at a job one after the other: it is set aside.
    pub(super) fn set_aside(&mut self, key: &str, last: String) {
        let Some(pending) = self.pending.get(key) else {
            return;
        };
        let job = pending.job.clone();
        if let Some(number) = pending.number {
            let connection = self.connection.clone();
            tokio::spawn(async move { connection.remove(JOBS, number).await });
        }
        let error = EvaluateError::SetAside {
            job: job.to_string(),
            times: MAX_DELIVER,
            last,
        };
        let subject = subject::poison(&self.pool, key);
        self.trouble(subject, key, Some(&job), &error.to_string());
        self.settle(key, &Told::Error(error));
    }

    /// The server's word that it gives a job out no more.
    pub(super) fn given_up(&mut self, payload: &[u8]) {
        #[derive(Deserialize)]
        struct Word {
            stream_seq: u64,
        }
        let Ok(word) = serde_json::from_slice::<Word>(payload) else {
            return;
        };
        let is_it = |p: &Pending| p.number == Some(word.stream_seq);
        let key = self
            .pending
            .iter()
            .find(|(_, p)| is_it(p))
            .map(|(key, _)| key.clone());
        if let Some(key) = key {
            self.set_aside(&key, "it ended or hung without a word".to_owned());
        }
    }

    pub(super) fn advance(&mut self, payload: &[u8]) {
        let Ok(advance) = message::read::<Advance>(payload) else {
            return;
        };
        if let Some(pending) = self.pending.get_mut(&advance.key) {
            pending.sign = Instant::now();
            for (_, to) in &pending.told {
                let _ = to.send(Told::Progress(advance.progress));
            }
        }
    }
}
