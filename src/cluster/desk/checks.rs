//! Looks around: what gives no sign of life is asked after, and made anew where it is gone.

use super::jobs::is_answer;
use super::*;

impl Desk {
    /// Has streams, context and consumer made where they are not there, and the consumer changed.
    pub(super) fn make_ready(&mut self) {
        if std::mem::replace(&mut self.making_ready, true) {
            return;
        }
        let (connection, inside) = (self.connection.clone(), self.inside.clone());
        let context = message::write(&self.wish.context);
        let subject = subject::context(&self.wish.context.context);
        let (pool, limits) = (self.pool.clone(), (self.wish.login.ack_wait, self.at_once));
        tokio::spawn(async move {
            let made = async {
                connection.make_streams().await?;
                if connection.first(CONTEXTS, &subject).await?.is_none() {
                    connection.keep(subject, None, context).await?;
                }
                connection.make_consumer(&pool, limits).await
            };
            let made = made.await;
            if made.is_err() {
                tokio::time::sleep(PAUSE).await;
            }
            let _ = inside.send(Inside::Ready(made.err()));
        });
    }

    pub(super) async fn inside(&mut self, told: Inside) {
        match told {
            Inside::Found(key, payload) => {
                self.answer(&key, &payload);
            }
            Inside::Queued {
                key,
                attempt,
                number,
            } => match self.pending.get_mut(&key) {
                Some(pending) if pending.attempt == attempt => pending.number = Some(number),
                _ => self.withdraw(&key, attempt, Some(number)).await,
            },
            Inside::Lost(key) => self.give_out_again(&key),
            Inside::GivenUp(key) => {
                self.set_aside(&key, "it ended or hung without a word".to_owned());
            }
            Inside::Stalled(key) => {
                self.checked(&key);
                let connection = self.connection.clone();
                // A consumer that stalls is made anew; what it gave out is given out again.
                let _ = connection.remove_consumer(&self.pool).await;
                self.make_ready();
            }
            Inside::Fine(key) => self.checked(&key),
            Inside::Forgotten => self.make_ready(),
            Inside::Ready(error) => {
                self.making_ready = false;
                if error.is_some() {
                    self.make_ready();
                }
            }
        }
    }

    pub(super) fn checked(&mut self, key: &str) {
        if let Some(pending) = self.pending.get_mut(key) {
            pending.checking = false;
            pending.sign = Instant::now();
        }
    }

    /// Looks around: who is there, and which job gives no sign of life.
    pub(super) async fn look(&mut self) {
        self.announce().await;
        self.crowd.forget();
        self.count();
        self.tell_of_machines();
        if let Some((since, false)) = self.alone
            && since.elapsed() > ALONE
            && !self.pending.is_empty()
        {
            self.alone = Some((since, true));
            let _ = self.news.send(News::Note(self.waiting_for()));
        }
        let patience = (self.wish.login.ack_wait * 5 / 2).max(2 * HEARTBEAT);
        let silent = self
            .pending
            .iter()
            .filter(|(_, p)| p.sign.elapsed() > patience);
        let silent: Vec<String> = silent.map(|(key, _)| key.clone()).collect();
        silent.iter().for_each(|key| self.check(key));
    }

    /// Asks the server what has become of a job.
    pub(super) fn check(&mut self, key: &str) {
        let idle = self
            .crowd
            .idle(self.wish.numerics.as_deref().unwrap_or_default());
        let Some(pending) = self.pending.get_mut(key) else {
            return;
        };
        // Without a number it is still on its way to the server.
        let (Some(number), false) = (pending.number, pending.checking) else {
            return;
        };
        pending.checking = true;
        let silent = pending.sign.elapsed() > self.wish.login.ack_wait * 2;
        let job = pending.job.clone();
        let (connection, inside) = (self.connection.clone(), self.inside.clone());
        let (pool, key) = (self.pool.clone(), key.to_owned());
        tokio::spawn(async move {
            let found = connection
                .first(ANSWERS, &subject::answer(&pool, &key))
                .await;
            let told = match found {
                Ok(Some(payload)) if is_answer(&payload, (&pool, &key), &job) => {
                    Inside::Found(key, payload)
                }
                Err(_) => Inside::Fine(key),
                Ok(_) => match (
                    connection.has(JOBS, number).await,
                    connection.consumer(&pool).await,
                ) {
                    (Ok(false), _) => Inside::Lost(key),
                    (Err(error), _) if error.is_missing() => Inside::Lost(key),
                    (_, Err(error)) if error.is_missing() => {
                        let _ = inside.send(Inside::Forgotten);
                        Inside::Fine(key)
                    }
                    (Ok(true), Ok(state)) if silent => {
                        match (state.num_pending + state.num_ack_pending, idle) {
                            (0, _) => Inside::GivenUp(key),
                            (_, true) => Inside::Stalled(key),
                            (_, false) => Inside::Fine(key),
                        }
                    }
                    _ => Inside::Fine(key),
                },
            };
            let _ = inside.send(told);
        });
    }
}
