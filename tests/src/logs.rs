//! Everything that was logged in this process; an ERROR fails the test that looks.

use std::collections::VecDeque;
use std::fmt::{Debug, Write as _};
use std::panic;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

/// Lines kept.
const MOST_LINES: usize = 2_000;

/// What was logged.
#[derive(Clone, Debug, Default)]
pub struct Logs {
    book: Arc<Mutex<Book>>,
}

#[derive(Debug, Default)]
struct Book {
    lines: VecDeque<String>,
    errors: Vec<String>,
}

impl Logs {
    /// Starts to listen, once for the process, to all log lines and to panics in the server's own code.
    pub fn capture() -> Self {
        static LOGS: OnceLock<Logs> = OnceLock::new();
        LOGS.get_or_init(Self::install).clone()
    }

    fn install() -> Self {
        let logs = Self::default();
        let filter = EnvFilter::new("warn,sluice_server=debug,sluice_shared=debug");
        let subscriber = tracing_subscriber::registry().with(filter).with(Listener { logs: logs.clone() });
        if tracing::subscriber::set_global_default(subscriber).is_err() {
            logs.error("another subscriber listens already: the server's errors would go unseen".into());
        }
        let (listener, earlier) = (logs.clone(), panic::take_hook());
        panic::set_hook(Box::new(move |panic| {
            // A panic in a server's task ends that task alone; the test has to be told.
            let at = panic.location().map_or("", |location| location.file());
            if at.contains("server/src") || at.contains("shared/src") {
                listener.error(panic.to_string());
            }
            earlier(panic);
        }));
        logs
    }

    fn error(&self, line: String) {
        self.book.lock().errors.push(line);
    }

    fn line(&self, line: String) {
        let mut book = self.book.lock();
        if book.lines.len() == MOST_LINES {
            book.lines.pop_front();
        }
        book.lines.push_back(line);
    }

    /// The last `most` lines, oldest first.
    fn last(&self, most: usize) -> Vec<String> {
        let book = self.book.lock();
        book.lines.iter().skip(book.lines.len().saturating_sub(most)).cloned().collect()
    }

    /// Fails the test if anything was logged as an error.
    ///
    /// # Panics
    /// An error was logged by any server of this process.
    pub fn assert_no_errors(&self) {
        let errors = self.book.lock().errors.clone();
        assert!(errors.is_empty(), "logged as errors: {errors:#?}\nlast lines: {:#?}", self.last(40));
    }
}

struct Listener {
    logs: Logs,
}

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        let mut line = Line(format!("{} {}:", metadata.level(), metadata.target()));
        event.record(&mut line);
        if *metadata.level() == Level::ERROR {
            self.logs.error(line.0.clone());
        }
        self.logs.line(line.0);
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let written = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
        debug_assert!(written.is_ok(), "a String takes all text");
    }
}
