//! Memory of this process and load of the machine, as far as the system tells them.

/// Now; none where there is no `/proc/self/status`.
pub(crate) fn resident_bytes() -> Option<u64> {
    status("VmRSS:")
}

/// At most so far; none where there is no `/proc/self/status`.
pub(crate) fn peak_bytes() -> Option<u64> {
    status("VmHWM:")
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
    use super::find;

    #[test]
    fn a_figure_is_found_by_its_key_and_anything_else_is_unknown() {
        let status = "Name:\txtask\nVmHWM:\t    8412 kB\nVmRSS:\t 400 kB\n";
        assert_eq!(find(status, "VmHWM:"), Some(8412 * 1024));
        assert_eq!(find(status, "VmRSS:"), Some(400 * 1024));
        assert_eq!(find(status, "VmSwap:"), None);
        assert_eq!(find("VmHWM:\tmany kB\n", "VmHWM:"), None);
    }
}
