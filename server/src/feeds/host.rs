//! The machine that the server runs on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sluice_shared::feed::HostSample;
use sluice_shared::ids::Key;
use sysinfo::{CpuRefreshKind, DiskRefreshKind, Disks, MemoryRefreshKind, Networks, System};
use tokio::time::{MissedTickBehavior, interval};

use crate::clock::Clock;
use crate::hub::FeedInstance;

/// Publishes a reading `rate_hz` times a second for as long as it is polled.
pub(super) async fn run(instance: Arc<FeedInstance>, rate_hz: u32, clock: Clock) {
    let mut reader = match Reader::new() {
        Ok(reader) => reader,
        Err(error) => {
            tracing::error!(%error, "the host feed ends: this machine cannot be read");
            return;
        }
    };
    let mut ticker = interval(Duration::from_secs(1) / rate_hz.max(1));
    ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is at once, and rates need two readings.
    ticker.tick().await;
    loop {
        ticker.tick().await;
        // Reading /proc takes below a millisecond, but it is a system call all the same.
        let (reading, sample) = match tokio::task::spawn_blocking(move || reader.read()).await {
            Ok(done) => done,
            Err(error) => {
                tracing::error!(%error, "the host feed ends: this machine could not be read");
                return;
            }
        };
        reader = reading;
        let published = postcard::to_stdvec(&sample).map_err(|error| error.to_string()).and_then(|bytes| {
            instance.append(0, Key(0), clock.now(), &bytes).map_err(|error| error.to_string())
        });
        match published {
            Ok(_) => instance.wake(),
            Err(error) => tracing::error!(error, "a reading of the host feed was lost"),
        }
    }
}

/// What sysinfo keeps between readings.
#[derive(Debug)]
struct Reader {
    system: System,
    networks: Networks,
    disks: Disks,
    read_at: Instant,
}

impl Reader {
    fn new() -> Result<Self, sysinfo::Error> {
        let mut system = System::new()?;
        system.refresh_cpu_list(CpuRefreshKind::nothing().with_usage());
        Ok(Self {
            system,
            networks: Networks::new_with_refreshed_list()?,
            disks: Disks::new_with_refreshed_list_specifics(io_of_disks())?,
            read_at: Instant::now(),
        })
    }

    /// Reads the machine. The CPU's share is new at most every 200 ms (sysinfo's shortest span); the rest each time.
    fn read(mut self) -> (Self, HostSample) {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        self.networks.refresh(true);
        self.disks.refresh_specifics(true, io_of_disks());
        let now = Instant::now();
        let secs = now.duration_since(self.read_at).as_secs_f32().max(1e-3);
        self.read_at = now;
        let per_second = |bytes: u64| bytes as f32 / secs;
        let network = self.networks.values().fold((0, 0), |(received, sent), interface| {
            (received + interface.received(), sent + interface.transmitted())
        });
        let disk = self.disk_bytes();
        let sample = HostSample {
            cpu: (self.system.global_cpu_usage() / 100.0).clamp(0.0, 1.0),
            memory_used: self.system.used_memory(),
            memory_total: self.system.total_memory(),
            network_in: per_second(network.0),
            network_out: per_second(network.1),
            disk_read: per_second(disk.0),
            disk_write: per_second(disk.1),
        };
        (self, sample)
    }

    /// Bytes read and written since the last reading. A disk that is mounted twice counts once.
    fn disk_bytes(&self) -> (u64, u64) {
        let mut names = Vec::new();
        let mut total = (0, 0);
        for disk in &self.disks {
            if !names.contains(&disk.name()) {
                names.push(disk.name());
                let usage = disk.usage();
                total = (total.0 + usage.read_bytes, total.1 + usage.written_bytes);
            }
        }
        total
    }
}

fn io_of_disks() -> DiskRefreshKind {
    DiskRefreshKind::nothing().with_io_usage()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_of_this_machine() {
        let (_, sample) = Reader::new().expect("this machine can be read").read();
        assert!(sample.memory_total > 0);
        assert!((1..=sample.memory_total).contains(&sample.memory_used));
        assert!((0.0..=1.0).contains(&sample.cpu));
        assert!(sample.network_in >= 0.0 && sample.disk_read >= 0.0);
    }
}
