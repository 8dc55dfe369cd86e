//! What the kernel says of a process.

use std::fs;
use std::io;
use std::time::Duration;

/// Resident memory of process `pid`, bytes.
///
/// # Errors
/// There is no such process, or no `/proc`.
pub fn resident_bytes(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other("no VmRSS in /proc"))
}

/// Processor time that process `pid` has taken, user and system, in steps of the kernel's clock tick of 10 ms.
///
/// # Errors
/// There is no such process, or no `/proc`.
pub fn processor_time(pid: u32) -> io::Result<Duration> {
    /// Linux has counted user time in hundredths of a second on every architecture since 2.6.
    const TICK: Duration = Duration::from_millis(10);
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may hold anything; after it come the state and ten more fields before the times.
    let ticks = stat
        .rsplit_once(") ")
        .map(|(_, rest)| rest.split(' ').skip(11).take(2))
        .and_then(|times| times.map(|field| field.parse::<u32>().ok()).sum::<Option<u32>>());
    ticks.map(|ticks| TICK * ticks).ok_or_else(|| io::Error::other("no times in /proc"))
}

/// Descriptors that process `pid` has open.
///
/// # Errors
/// There is no such process, or no `/proc`.
pub fn open_descriptors(pid: u32) -> io::Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// Lets this process, and those it starts, open `wanted` files, as far as the kernel allows it.
///
/// # Errors
/// Fewer are allowed.
pub fn allow_open_files(wanted: u64) -> io::Result<()> {
    let (soft, hard) = rlimit::Resource::NOFILE.get()?;
    if soft >= wanted {
        return Ok(());
    }
    rlimit::Resource::NOFILE.set(wanted.min(hard), hard)?;
    if hard >= wanted {
        return Ok(());
    }
    Err(io::Error::other(format!("{wanted} open files are needed, and {hard} are allowed")))
}
