//! Jobs on their way out, until they are settled or wanted no more.

use super::*;

impl Desk {
    pub(super) fn ask(&mut self, number: usize, job: Job, told: Sender<Told>) {
        let key = message::key(&self.pool, &job);
        self.keys.insert(number, key.clone());
        if let Some(pending) = self.pending.get_mut(&key) {
            pending.told.push((number, told));
            return;
        }
        let pending = Pending {
            job,
            told: vec![(number, told)],
            attempt: 0,
            failures: 0,
            number: None,
            sign: Instant::now(),
            checking: false,
            gone: Arc::default(),
        };
        self.pending.insert(key.clone(), pending);
        self.give_out(&key, Duration::ZERO);
    }

    /// Puts a job into the queue, unless there is an answer already.
    pub(super) fn give_out(&mut self, key: &str, delay: Duration) {
        self.attempts += 1;
        let attempt = self.attempts;
        let Some(pending) = self.pending.get_mut(key) else {
            return;
        };
        pending.attempt = attempt;
        pending.number = None;
        pending.sign = Instant::now();
        let order = Order {
            session: self.session.clone(),
            pool: self.pool.clone(),
            key: key.to_owned(),
            attempt,
            ack_wait_ms: u64::try_from(self.wish.login.ack_wait.as_millis()).unwrap_or(u64::MAX),
            job: pending.job.clone(),
        };
        let gone = Arc::clone(&pending.gone);
        let (connection, inside) = (self.connection.clone(), self.inside.clone());
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            give_out(&connection, &order, &gone, &inside).await;
        });
    }

    pub(super) async fn cancel(&mut self, number: usize) {
        let Some(key) = self.keys.remove(&number) else {
            return;
        };
        let Some(pending) = self.pending.get_mut(&key) else {
            return;
        };
        pending.told.retain(|(of, _)| *of != number);
        if pending.told.is_empty() {
            self.forget(&key).await;
        }
    }

    /// A job is wanted no more: out of the queue, and whoever is at it shall stop.
    pub(super) async fn forget(&mut self, key: &str) {
        let Some(pending) = self.pending.remove(key) else {
            return;
        };
        self.withdraw(key, pending.attempt, pending.number).await;
    }

    pub(super) async fn withdraw(&self, key: &str, attempt: u32, number: Option<u64>) {
        let cancelled = Cancelled {
            session: self.session.clone(),
            key: key.to_owned(),
            attempt,
        };
        let subject = subject::cancel(&self.session);
        self.connection
            .say(subject, message::write(&cancelled))
            .await;
        if let Some(number) = number {
            let connection = self.connection.clone();
            tokio::spawn(async move { connection.remove(JOBS, number).await });
        }
    }

    /// Tells what has become of a job, which is waited for no more.
    pub(super) fn settle(&mut self, key: &str, told: &Told) {
        if let Some(pending) = self.pending.remove(key) {
            for (number, to) in &pending.told {
                self.keys.remove(number);
                let _ = to.send(told.clone());
            }
        }
    }

    pub(super) fn give_out_again(&mut self, key: &str) {
        self.checked(key);
        self.give_out(key, Duration::ZERO);
    }
}

/// Puts a job into the queue, unless there is an answer already or nobody wants it any more.
pub(super) async fn give_out(
    connection: &Connection,
    order: &Order,
    gone: &AtomicBool,
    inside: &UnboundedSender<Inside>,
) {
    let (pool, key) = (&order.pool, &order.key);
    let id = format!("{}.{}", order.session, order.attempt);
    let message = message::write(order);
    let mut looked = false;
    while !gone.load(Ordering::Relaxed) {
        if !looked {
            match connection.first(ANSWERS, &subject::answer(pool, key)).await {
                Ok(Some(payload)) if is_answer(&payload, (pool, key), &order.job) => {
                    let _ = inside.send(Inside::Found(key.clone(), payload));
                    return;
                }
                Ok(_) => looked = true,
                Err(_) => {
                    let _ = inside.send(Inside::Forgotten);
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            }
        }
        let kept = connection
            .keep(subject::job(pool, key), Some(&id), message.clone())
            .await;
        match kept {
            Ok(number) => {
                let _ = inside.send(Inside::Queued {
                    key: key.clone(),
                    attempt: order.attempt,
                    number,
                });
                return;
            }
            Err(_) => {
                let _ = inside.send(Inside::Forgotten);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// True for the answer to a job: what is kept under its name may be anything.
pub(super) fn is_answer(payload: &[u8], (pool, key): (&str, &str), job: &Job) -> bool {
    let read = message::read::<Answer>(payload);
    read.is_ok_and(|answer| answer.key == key && answer.pool == pool && answer.answers(job))
}
