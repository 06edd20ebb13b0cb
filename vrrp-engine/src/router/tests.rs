use super::*;
use vrrp_config::{Config, parse};

fn configured(count: u8) -> Config {
    let router = |vrid: u8| {
        format!(
            "[vrrp_instance.V{vrid}]\ninterface = \"eth0\"\nvirtual_router_id = {vrid}\n\
             virtual_ipaddress = [\"192.0.2.{vrid}\"]\n"
        )
    };
    parse("test", &(1..=count).map(router).collect::<String>()).unwrap()
}

/// Thousands of routers are no copies of what they share, and have no room for what most never need.
#[test]
fn a_router_shares_its_configuration_and_has_no_room_before_it_needs_it() {
    let config = configured(2);
    let [one, other] = [0, 1].map(|index| Arc::clone(&config.clone().routers[index]));
    assert!(Arc::ptr_eq(&one, &config.routers[0]) && Arc::ptr_eq(&one.hooks, &other.hooks));
    let home = crate::port::Ports::<()>::default().named("eth0");
    let router = VirtualRouter::new(one, Tracking::nothing(Priority::DEFAULT), home, SystemTime::UNIX_EPOCH);
    assert_eq!((router.history.capacity(), router.discards.capacity()), (0, 0));
    assert!(size_of::<VirtualRouter>() <= 1_536, "{} bytes", size_of::<VirtualRouter>());
}
