//! The contexts that a worker has heard of, and what it takes to make their evaluators.

use super::*;

impl Worker {
    /// A search is there.
    pub(super) async fn wanted(&mut self, payload: &[u8]) {
        let Ok(wanted) = message::read::<Wanted>(payload) else {
            return;
        };
        if let Some(held) = self.held.get_mut(&wanted.context) {
            held.heard = Instant::now();
            if wanted.numerics.is_some() {
                held.numerics = wanted.numerics;
            }
            return;
        }
        if self.held.len() >= MOST_CONTEXTS || self.draining {
            return;
        }
        let held = Held {
            readiness: Readiness::Preparing,
            context: None,
            files: Vec::new(),
            heard: Instant::now(),
            numerics: wanted.numerics,
        };
        self.held.insert(wanted.context.clone(), held);
        let (connection, inside) = (self.connection.clone(), self.inside.clone());
        let id = wanted.context;
        tokio::spawn(async move {
            let found = get_context(&connection, &id).await;
            let _ = inside.send(Inside::Context(id, found));
        });
        self.say_presence().await;
    }

    pub(super) async fn set(&mut self, id: &str, readiness: Readiness) {
        if let Some(held) = self.held.get_mut(id) {
            held.readiness = readiness;
        }
        self.say_presence().await;
    }

    /// Looks for the files of a context on this machine. A large one takes a while to hash.
    pub(super) fn look_for_files(&mut self, id: String, context: Box<Context>) {
        let Some(held) = self.held.get_mut(&id) else {
            return;
        };
        let (files, folder) = (context.files.clone(), self.options.folder.clone());
        held.context = Some(context);
        let inside = self.inside.clone();
        tokio::task::spawn_blocking(move || {
            let found = files.iter().map(|file| folder.look(file)).collect();
            let _ = inside.send(Inside::Files(id, found));
        });
    }

    pub(super) async fn found_files(&mut self, id: &str, files: Vec<Place>) {
        let Some(held) = self.held.get_mut(id) else {
            return;
        };
        held.files = files;
        let Some(context) = &held.context else {
            return;
        };
        let mut lacking = Vec::new();
        for (at, file) in context.files.iter().enumerate() {
            if held.files.get(at) == Some(&Place::Missing) {
                lacking.push(file.hash.clone());
                let (connection, folder) = (self.connection.clone(), self.options.folder.clone());
                let (inside, id, file) = (self.inside.clone(), id.to_owned(), file.clone());
                tokio::spawn(async move {
                    let fetched = folder.fetch(&connection, &file).await;
                    let _ = inside.send(Inside::Fetched(id, at, fetched));
                });
            }
        }
        if !lacking.is_empty() {
            self.set(id, Readiness::Lacking { files: lacking }).await;
        }
        self.prepare_if_whole(id).await;
    }

    pub(super) async fn prepare_if_whole(&mut self, id: &str) {
        let Some(held) = self.held.get_mut(id) else {
            return;
        };
        let Some(context) = held
            .context
            .take_if(|_| !held.files.contains(&Place::Missing))
        else {
            return;
        };
        let places = context.files.iter().zip(&held.files);
        let files = places.filter_map(|(file, place)| match place {
            Place::Here(path) => Some((file.key.clone(), path.clone())),
            Place::Unneeded | Place::Missing => None,
        });
        let files = files.collect();
        self.preparing = Some(id.to_owned());
        let _ = self.tasks.send(Task::Prepare(context, files));
        self.set(id, Readiness::Preparing).await;
    }
}

/// Waits for a context, which a search keeps on the server before it says that it is there.
pub(super) async fn get_context(connection: &Connection, id: &str) -> Result<Box<Context>, String> {
    loop {
        match connection.first(CONTEXTS, &subject::context(id)).await {
            Ok(Some(payload)) => {
                let context: Context = message::read(&payload).map_err(|e| e.to_string())?;
                return match context.context == id {
                    true => Ok(Box::new(context)),
                    false => Err("it is kept under the name of another".to_owned()),
                };
            }
            Ok(None) | Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
