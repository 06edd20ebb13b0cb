//! FRR as a peer in the laboratory.

use std::time::Duration;

use tests::{
    Lab,
    daemons::{Frr, Keepalived, Router},
};

const VRID: u8 = 51;
const LIMIT: Duration = Duration::from_secs(20);

/// Whoever has the higher priority ends as the only one that sends adverts.
#[test]
fn frr_and_keepalived_accept_each_others_adverts() {
    let advert_int = Duration::from_millis(500);
    for (priority, master) in [(200, "r1"), (80, "r2")] {
        let lab = Lab::with_routers(2).unwrap();
        let scratch = lab.scratch();
        let router = Router { priority, advert_int, ..Router::default() };
        let _r1 = Frr::start(&lab.host("r1").unwrap().namespace, &scratch, &router).unwrap();
        let router = Router { priority: 100, ..router };
        let _r2 = Keepalived::start(&lab.host("r2").unwrap().namespace, &scratch, &router).unwrap();
        let start = lab.wire().mark();
        lab.wire()
            .until(&format!("{master} is master"), start, LIMIT, |timeline| {
                timeline.adverts_by(VRID, master).nth(2).map(drop)
            })
            .unwrap();
        let mark = lab.wire().mark();
        std::thread::sleep(2 * router.master_down());
        lab.wire().settle();
        lab.wire().look(mark, |timeline| {
            let masters = timeline.masters(VRID);
            assert_eq!(masters.keys().copied().collect::<Vec<_>>(), [master], "{masters:?}");
        });
    }
}
