//! What a worker says of itself.

use super::*;

impl Worker {
    pub(super) async fn say_presence(&mut self) {
        self.said = Some(Instant::now());
        self.presence(false).await;
    }

    pub(super) async fn presence(&self, leaving: bool) {
        let contexts = self
            .held
            .iter()
            .map(|(id, h)| (id.clone(), h.readiness.clone()));
        let busy = self
            .current
            .as_ref()
            .map_or(Duration::ZERO, |c| c.begun.elapsed());
        let doing = |c: &Current| (c.order.pool.clone(), c.order.key.clone());
        let presence = Presence {
            worker: self.name.clone(),
            host: host(),
            process: std::process::id(),
            device: self.options.device.clone(),
            threads: self.options.threads,
            seconds: self.began.elapsed().as_secs_f64(),
            busy: (self.busy + busy).as_secs_f64(),
            answered: self.answered,
            images: self.images,
            doing: self.current.as_ref().map(doing),
            contexts: contexts.collect(),
            leaving,
        };
        let subject = subject::presence(&self.name);
        self.connection
            .say(subject, message::write(&presence))
            .await;
    }

    pub(super) async fn leave(&self) {
        self.presence(true).await;
        self.connection.flush().await;
    }
}
