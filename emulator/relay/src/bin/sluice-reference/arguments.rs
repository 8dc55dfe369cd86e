//! The command line.

use std::path::PathBuf;

use sluice_shared::lab::Congestion;

use crate::setting::IN_KERNEL;

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// Fewer settings, seeds and seconds.
    pub(crate) is_quick: bool,
    /// Only this congestion controller.
    pub(crate) congestion: Option<Congestion>,
    /// Seeds of each setting, instead of its own number.
    pub(crate) seeds: Option<u64>,
    /// Only settings whose label contains this.
    pub(crate) only: Option<String>,
    /// The folder for the kernel's distributions.
    pub(crate) store: Option<PathBuf>,
}

impl Arguments {
    /// Reads arguments; the error says what is wrong with which.
    pub(crate) fn read(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--quick" => arguments.is_quick = true,
                "--store" => arguments.store = Some(value()?.into()),
                "--only" => arguments.only = Some(value()?),
                "--seeds" => {
                    let text = value()?;
                    let seeds = text.parse().ok().filter(|seeds| (1..=1_000).contains(seeds));
                    arguments.seeds =
                        Some(seeds.ok_or_else(|| format!("--seeds {text}: must be from 1 to 1000"))?);
                }
                "--congestion" => {
                    let text = value()?;
                    let known = IN_KERNEL.into_iter().find(|congestion| congestion.name() == text);
                    let known = known.ok_or_else(|| format!("--congestion {text}: must be cubic or bbr"))?;
                    arguments.congestion = Some(known);
                }
                _ => return Err(format!("{word} is not an option")),
            }
        }
        Ok(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, String> {
        Arguments::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_read() {
        let arguments = read("--quick --congestion bbr --seeds 3 --store here").expect("valid");
        assert_eq!(
            arguments,
            Arguments {
                is_quick: true,
                congestion: Some(Congestion::Bbr),
                seeds: Some(3),
                only: None,
                store: Some("here".into()),
            }
        );
    }

    #[test]
    fn a_wrong_option_is_named() {
        let problem = |line| read(line).expect_err("wrong");
        assert_eq!(problem("--congestion vegas"), "--congestion vegas: must be cubic or bbr");
        assert_eq!(problem("--seeds 0"), "--seeds 0: must be from 1 to 1000");
        assert_eq!(problem("--store"), "--store needs a value");
        assert_eq!(problem("--fast"), "--fast is not an option");
    }
}
