//! Quantities of a host reading, as shown in the host panel.

use sluice_shared::feed::HostSample;

use sluice_text::format;

/// Quantity of the server machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostMetric {
    /// Busy share of all cores.
    #[default]
    Cpu,
    /// Used memory.
    Memory,
    /// Bytes received and sent over all interfaces.
    Network,
    /// Bytes read from and written to all disks.
    Disk,
}

impl HostMetric {
    /// All metrics in display order.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::Memory, Self::Network, Self::Disk];

    /// Returns the name used on the page and in test ids.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Memory => "memory",
            Self::Network => "network",
            Self::Disk => "disk",
        }
    }

    /// Returns the quantity's value in a reading.
    pub fn value(self, sample: &HostSample) -> f64 {
        match self {
            Self::Cpu => f64::from(sample.cpu),
            Self::Memory => sample.memory_used as f64,
            Self::Network => f64::from(sample.network_in) + f64::from(sample.network_out),
            Self::Disk => f64::from(sample.disk_read) + f64::from(sample.disk_write),
        }
    }

    /// Returns the minimum upper end of the axis for a reading: the total if there is one, otherwise the
    /// value itself.
    pub fn top(self, sample: &HostSample) -> f64 {
        match self {
            Self::Cpu => 1.0,
            Self::Memory => sample.memory_total as f64,
            Self::Network | Self::Disk => self.value(sample),
        }
    }

    /// Returns the quantity as text.
    pub fn text(self, sample: &HostSample) -> String {
        match self {
            Self::Cpu => format::percent(f64::from(sample.cpu)),
            Self::Memory => {
                format!("{} of {}", format::bytes(sample.memory_used), format::bytes(sample.memory_total))
            }
            Self::Network | Self::Disk => format!("{}/s", format::bytes(self.value(sample).max(0.0) as u64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_end_at_the_whole_and_rates_at_their_largest_value() {
        let sample = HostSample {
            cpu: 0.25,
            memory_used: 4_000_000_000,
            memory_total: 16_000_000_000,
            network_in: 1_000.0,
            network_out: 500.0,
            ..HostSample::default()
        };
        assert!((HostMetric::Cpu.top(&sample) - 1.0).abs() < 1e-9);
        assert!((HostMetric::Memory.top(&sample) - 16e9).abs() < 1.0);
        assert!((HostMetric::Network.top(&sample) - 1_500.0).abs() < 1e-9);
        assert_eq!(HostMetric::Memory.text(&sample).replace('\u{a0}', " "), "4.0 GB of 16.0 GB");
        assert_eq!(HostMetric::Network.text(&sample).replace('\u{a0}', " "), "1.5 KB/s");
    }
}
