//! `ublk set`.

use super::{Failure, Outcome, Program, expect_living, state_dir};
use crate::cli::SetArgs;
use crate::control::Client;

pub(super) fn run(program: &Program, args: &SetArgs) -> Outcome {
    let settings = args.check().map_err(Failure::Usage)?;
    let state = state_dir(program)?;
    expect_living(&state, args.id)?;
    Ok(Client::new(&state, args.id).set(settings)?)
}
