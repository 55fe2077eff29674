//! The jobs of a worker, from the queue to the answer.

use super::*;

impl Worker {
    pub(super) fn cancelled(&mut self, payload: &[u8]) {
        let Ok(cancelled) = message::read::<Cancelled>(payload) else {
            return;
        };
        if let Some(current) = &self.current
            && is_of(&cancelled, &current.order)
        {
            current.cancel.cancel();
        }
        if self.cancelled.len() >= MOST_CANCELLED {
            self.cancelled.drain(..MOST_CANCELLED / 2);
        }
        self.cancelled.push(cancelled);
    }

    /// Asks for a job, unless there is one.
    pub(super) fn pull(&mut self) {
        let busy = self.pulling || self.current.is_some() || self.preparing.is_some();
        if busy || self.draining || self.is_late() || Instant::now() < self.rest {
            return;
        }
        let pools = self
            .held
            .iter()
            .filter_map(|(id, held)| match &held.readiness {
                Readiness::Ready { facts } if held.numerics.as_ref() == Some(&facts.numerics) => {
                    Some(message::pool(id, &facts.numerics))
                }
                _ => None,
            });
        let mut pools: Vec<String> = pools.collect();
        pools.sort();
        self.turn = self.turn.wrapping_add(1);
        let Some(pool) = pools
            .get(self.turn.checked_rem(pools.len()).unwrap_or(0))
            .cloned()
        else {
            return;
        };
        self.pulling = true;
        let held = match pools.len() {
            1 => HELD,
            _ => HELD_IN_TURN,
        };
        let (connection, inside) = (self.connection.clone(), self.inside.clone());
        tokio::spawn(async move {
            let pulled = pull(&connection, &pool, held).await;
            let _ = inside.send(Inside::Pulled(pulled));
        });
    }

    /// Begins a job.
    pub(super) async fn begin(&mut self, Pulled { delivery, answer }: Pulled) {
        let Ok(order) = message::read::<Order>(&delivery.payload) else {
            self.connection.tell(&delivery, Word::Garbage).await;
            return;
        };
        let context = self.held.iter().find(|(id, held)| match &held.readiness {
            Readiness::Ready { facts } => message::pool(id, &facts.numerics) == order.pool,
            _ => false,
        });
        let Some(context) = context.map(|(id, _)| id.clone()) else {
            self.connection.tell(&delivery, Word::Garbage).await;
            return;
        };
        if self.cancelled.iter().any(|c| is_of(c, &order)) {
            self.connection.tell(&delivery, Word::Done).await;
            return;
        }
        let mut current = Current {
            cancel: Cancel::default(),
            begun: Instant::now(),
            sign: Some(Instant::now()),
            working_said: Instant::now(),
            told: Instant::now(),
            order,
            delivery,
        };
        if let Some(answer) = answer {
            // Said again, for those who did not hear it.
            current.sign = None;
            self.send_answer(&current, answer);
        } else if self.draining {
            self.give_back(&current, None).await;
            return;
        } else {
            let job = Box::new(current.order.job.clone());
            let task = Task::Evaluate(context, job, current.cancel.clone());
            let _ = self.tasks.send(task);
        }
        self.current = Some(current);
        self.say_presence().await;
    }

    pub(super) async fn advance(&mut self, progress: Progress) {
        let Some(current) = &mut self.current else {
            return;
        };
        current.sign = Some(Instant::now());
        if current.told.elapsed() < TELL {
            return;
        }
        current.told = Instant::now();
        let Order { session, key, .. } = &current.order;
        let (session, key) = (session.clone(), key.clone());
        let subject = subject::progress(&session);
        let advance = Advance {
            session,
            key,
            progress,
        };
        self.connection.say(subject, message::write(&advance)).await;
    }

    /// The evaluator is done with the job.
    pub(super) async fn done(
        &mut self,
        done: Result<(Outcome, Work), EvaluateError>,
        say: &dyn Fn(&str),
    ) -> Result<(), ClusterError> {
        let Some(mut current) = self.current.take() else {
            return Ok(());
        };
        current.sign = None;
        let error = match done {
            Ok((outcome, work)) => {
                let answer = message::write(&Answer {
                    pool: current.order.pool.clone(),
                    key: current.order.key.clone(),
                    worker: self.name.clone(),
                    outcome,
                    spent: work.into(),
                });
                if answer.len() <= LARGEST {
                    self.faults = 0;
                    self.images += work.images;
                    self.send_answer(&current, answer);
                    self.current = Some(current);
                    return Ok(());
                }
                let why = format!("an answer of {} bytes is too large to send", answer.len());
                EvaluateError::Unreachable(why)
            }
            Err(EvaluateError::Cancelled) => {
                match self.draining {
                    true => self.give_back(&current, None).await,
                    // Whoever asked has said that nothing is waited for.
                    false => self.connection.tell(&current.delivery, Word::Done).await,
                }
                self.say_presence().await;
                return Ok(());
            }
            Err(error) => error,
        };
        say(&format!("a job failed: {error}"));
        let is_fault = error.may_retry();
        self.give_back(&current, Some(error.clone())).await;
        self.say_presence().await;
        if is_fault {
            self.faults += 1;
            // Others may do better.
            self.rest = Instant::now() + HEARTBEAT * self.faults;
        }
        if self.faults >= MOST_FAULTS {
            self.leave().await;
            return Err(ClusterError::Worker(format!(
                "{} jobs failed one after the other, the last one with: {error}",
                self.faults
            )));
        }
        Ok(())
    }

    /// Has the server keep an answer, however long that takes, and then says that the job is done.
    pub(super) fn send_answer(&self, current: &Current, answer: Vec<u8>) {
        let (connection, inside) = (self.connection.clone(), self.inside.clone());
        let subject = subject::answer(&current.order.pool, &current.order.key);
        let delivery = current.delivery.clone();
        tokio::spawn(async move {
            while connection
                .keep(subject.clone(), None, answer.clone())
                .await
                .is_err()
            {
                tokio::time::sleep(PAUSE).await;
            }
            connection.tell(&delivery, Word::Done).await;
            let _ = inside.send(Inside::Sent);
        });
    }

    /// Gives a job back to the search.
    pub(super) async fn give_back(&self, current: &Current, error: Option<EvaluateError>) {
        let Order {
            session,
            key,
            attempt,
            ..
        } = &current.order;
        let returned = Returned {
            session: session.clone(),
            key: key.clone(),
            attempt: *attempt,
            worker: self.name.clone(),
            error,
        };
        let subject = subject::returned(session);
        self.connection
            .say(subject, message::write(&returned))
            .await;
        self.connection.tell(&current.delivery, Word::Done).await;
    }
}

/// Gets a job, and the answer where it was given out before and somebody had answered.
pub(super) async fn pull(
    connection: &Connection,
    pool: &str,
    held: Duration,
) -> Result<Option<Pulled>, ApiError> {
    let Some(delivery) = connection.pull(pool, held).await? else {
        return Ok(None);
    };
    let mut answer = None;
    if delivery.delivered > 1
        && let Ok(order) = message::read::<Order>(&delivery.payload)
    {
        let subject = subject::answer(&order.pool, &order.key);
        answer = connection.first(ANSWERS, &subject).await.ok().flatten();
        answer = answer.filter(|bytes| {
            message::read::<Answer>(bytes).is_ok_and(|answer| answer.answers(&order.job))
        });
    }
    Ok(Some(Pulled { delivery, answer }))
}

/// True for a cancellation of this asking, or of a later one.
pub(super) fn is_of(cancelled: &Cancelled, order: &Order) -> bool {
    cancelled.session == order.session
        && cancelled.key == order.key
        && cancelled.attempt >= order.attempt
}
