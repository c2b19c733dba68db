//! What the whole report holds.

use super::sample;
use super::*;

#[test]
fn look() {
    for (name, results) in [("irregular", sample::irregular()), ("quickstart", sample::quickstart())] {
        let directory = Path::new("/tmp/report-look").join(name);
        write(&results, &directory).unwrap();
        std::fs::write(directory.join("terminal.txt"), terminal_table(&results).unwrap()).unwrap();
    }
}
