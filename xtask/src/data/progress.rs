//! What a download looks like: a bar over all of a set on a terminal, a line every ten seconds elsewhere.

use super::{licences, short, size};
use crate::units::duration;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use ligo_fetch::{Action, Event, Set};
use std::cell::RefCell;
use std::time::{Duration, Instant};
use tracing::{info, warn};

const TEMPLATE: &str = "{msg} {wide_bar} {decimal_bytes}/{decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} to go";
/// Between two lines of a log.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Tells of one set.
pub(super) struct Progress {
    bars: MultiProgress,
    terminal: bool,
    place: RefCell<Place>,
}

/// Where the download stands.
struct Place {
    bar: ProgressBar,
    file: String,
    action: Action,
    total: u64,
    position: u64,
    /// When the last line was told, and where the download stood then.
    told: (Instant, u64),
}

impl Progress {
    /// Of a set that begins; `bars` are drawn on for a terminal only.
    pub(super) fn new(bars: &MultiProgress, terminal: bool) -> Self {
        let place = Place {
            bar: ProgressBar::hidden(),
            file: String::new(),
            action: Action::Check,
            total: 0,
            position: 0,
            told: (Instant::now(), 0),
        };
        Self { bars: bars.clone(), terminal, place: RefCell::new(place) }
    }

    /// Tells what happens.
    pub(super) fn tell(&self, event: Event<'_>) {
        match event {
            Event::Listed { set, commit, licence, files, bytes } => self.listed(set, commit, licence, (files, bytes)),
            Event::File { name, number, of, bytes, action } => {
                let file = format!("{name} ({number} of {of})");
                if !self.terminal {
                    info!("{file}, {}{}", size(bytes), how(action));
                }
                let mut place = self.place.borrow_mut();
                place.bar.set_message(format!("{file}{}", how(action)));
                // Checking is faster than fetching: neither tells how long the other takes.
                if place.action != action {
                    place.bar.reset_eta();
                }
                (place.file, place.action, place.told) = (file, action, (Instant::now(), place.position));
            }
            Event::Position(position) => self.moved(position),
            Event::Again { name, reason } => warn!("{name} broke off: {reason}; it goes on from there"),
            Event::FromTheStart { name } => {
                warn!("{name}: the server does not go on where the download was cut; it is fetched from its start");
            }
            Event::Removed { name } => warn!("{name} belonged to an earlier revision and is removed"),
            Event::Here { reason, commit } => {
                warn!("{reason}; the set is here from commit {}, and that is what there is", short(commit));
            }
            _ => {}
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        self.place.borrow().bar.finish_and_clear();
    }

    fn listed(&self, set: &Set, commit: &str, licence: &[String], (files, bytes): (usize, u64)) {
        let Set { name, repository, .. } = set;
        let found = format!("{name}: {repository} at {}, {files} files, {}", short(commit), size(bytes));
        let (told, expected) = (licences(licence), licences(&set.licence));
        if told == expected {
            self.say(&format!("{found}, licence: {told}, as expected"));
        } else {
            warn!("{found}, licence: found {told}, expected {expected}");
        }
        let mut place = self.place.borrow_mut();
        place.total = bytes;
        if self.terminal {
            let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
            place.bar = self.bars.add(ProgressBar::new(bytes).with_style(style));
        }
    }

    fn moved(&self, position: u64) {
        let mut place = self.place.borrow_mut();
        let place = &mut *place;
        place.position = position;
        place.bar.set_position(position);
        let (at, before) = place.told;
        let seconds = at.elapsed();
        if !self.terminal && seconds >= BETWEEN_LINES {
            let rate = position.saturating_sub(before) as f64 / seconds.as_secs_f64();
            let left = duration(place.total.saturating_sub(position) as f64 / rate);
            let (here, total) = (size(position), size(place.total));
            info!("{}: {here} of {total}, {}/s, {left} to go", place.file, size(rate as u64));
            place.told = (Instant::now(), position);
        }
    }

    /// Above the bar, or into the log.
    fn say(&self, text: &str) {
        match self.terminal {
            true => self.bars.suspend(|| crate::output::note(text)),
            false => info!("{text}"),
        }
    }
}

fn how(action: Action) -> &'static str {
    match action {
        Action::Check => ", checking what is there",
        Action::Fetch => "",
        Action::Resume => ", going on where it was cut",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_valid() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
