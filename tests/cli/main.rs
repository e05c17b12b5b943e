//! The command line, without any device.

/// It starts, does what is asked and says nothing on standard error.
#[test]
fn help_and_version_end_well() {
    for argument in ["--help", "--version"] {
        let output = e2e::run(&[argument]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ublk {argument}: {}: {stderr}", output.status);
        assert_eq!(stderr, "", "ublk {argument}");
    }
}
