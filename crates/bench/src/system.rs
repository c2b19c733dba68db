//! Memory of this process and load of the machine, as far as the system tells them.

/// Now; none where there is no `/proc/self/status`.
pub(crate) fn resident_bytes() -> Option<u64> {
    status("VmRSS:")
}

/// At most so far; none where there is no `/proc/self/status`.
pub(crate) fn peak_bytes() -> Option<u64> {
    status("VmHWM:")
}

/// CPU time so far, of all processes and of one of them with those that it has started, in the system's ticks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CpuTime {
    all: u64,
    own: u64,
}

impl CpuTime {
    /// Until now; none where there is no `/proc`.
    pub(crate) fn of(process: u32) -> Option<Self> {
        let all = all_ticks(&std::fs::read_to_string("/proc/stat").ok()?)?;
        let processes: Vec<Process> = std::fs::read_dir("/proc")
            .ok()?
            .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("stat")).ok())
            .filter_map(|stat| Process::of(&stat))
            .collect();
        Some(Self { all, own: family_ticks(process, &processes)? })
    }

    /// The share that other processes had of all that was computed since `earlier`.
    pub(crate) fn foreign_share_since(self, earlier: Self) -> f64 {
        let all = self.all.saturating_sub(earlier.all);
        let foreign = all.saturating_sub(self.own.saturating_sub(earlier.own));
        foreign as f64 / all.max(1) as f64
    }
}

/// Of the line `cpu  user nice system idle iowait irq softirq steal …`, all that is not idle.
fn all_ticks(stat: &str) -> Option<u64> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<u64> = line.split_whitespace().map_while(|field| field.parse().ok()).collect();
    let [user, nice, system, _idle, _wait, irq, softirq, steal, ..] = fields[..] else { return None };
    Some(user + nice + system + irq + softirq + steal)
}

/// What is asked of a process here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    id: u32,
    parent: u32,
    /// In user and system mode.
    ticks: u64,
}

impl Process {
    /// Of `id (name) state parent …`, where fields 14 and 15 are ticks. The name may hold anything, so the rest is read from its
    /// end on.
    fn of(stat: &str) -> Option<Self> {
        let (id, _) = stat.split_once(' ')?;
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(1);
        let parent = fields.next()?.parse().ok()?;
        let mut fields = fields.skip(9);
        let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Self { id: id.parse().ok()?, parent, ticks: user + system })
    }
}

/// Of a process and all below it: what a peer's workers compute is the peer's. None if it is not there.
fn family_ticks(process: u32, processes: &[Process]) -> Option<u64> {
    let own = processes.iter().find(|one| one.id == process)?.ticks;
    let children = processes.iter().filter(|one| one.parent == process && one.id != process);
    Some(own + children.filter_map(|child| family_ticks(child.id, processes)).sum::<u64>())
}

/// Processes that have wanted to compute lately, on average over a minute; none where there is no `/proc/loadavg`.
pub fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

fn status(key: &str) -> Option<u64> {
    find(&std::fs::read_to_string("/proc/self/status").ok()?, key)
}

/// `VmHWM:    8412 kB` in bytes.
fn find(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::{CpuTime, Process, all_ticks, family_ticks, find};

    #[test]
    fn what_other_processes_computed_is_told_from_what_one_did() {
        let all = "cpu  100 5 20 9000 70 1 2 3 0 0\ncpu0 50 0 0 0 0 0 0 0\n";
        assert_eq!(all_ticks(all), Some(131));
        assert_eq!(all_ticks("intr 1 2 3"), None);
        let own =
            Process::of("42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0 20 0").expect("such is a line of the system");
        assert_eq!(own, Process { id: 42, parent: 1, ticks: 42 });
        let of = |id, parent, ticks| Process { id, parent, ticks };
        let all_of_them = [of(43, 42, 3), own, of(44, 43, 5), of(45, 1, 700)];
        assert_eq!(family_ticks(42, &all_of_them), Some(50));
        assert_eq!(family_ticks(99, &all_of_them), None);
        let (earlier, later) = (CpuTime { all: 100, own: 10 }, CpuTime { all: 200, own: 85 });
        assert_eq!(later.foreign_share_since(earlier), 0.25);
        assert_eq!(later.foreign_share_since(later), 0.0);
    }

    #[test]
    fn a_figure_is_found_by_its_key_and_anything_else_is_unknown() {
        let status = "Name:\txtask\nVmHWM:\t    8412 kB\nVmRSS:\t 400 kB\n";
        assert_eq!(find(status, "VmHWM:"), Some(8412 * 1024));
        assert_eq!(find(status, "VmRSS:"), Some(400 * 1024));
        assert_eq!(find(status, "VmSwap:"), None);
        assert_eq!(find("VmHWM:\tmany kB\n", "VmHWM:"), None);
    }
}
