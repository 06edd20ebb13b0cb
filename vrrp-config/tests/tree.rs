//! A configuration that somebody else has put together: judged at the places of its own text, and written as TOML.

#![expect(clippy::unwrap_used, reason = "a word that is not there is a failed test")]

use vrrp_config::{Kind, Node, Place, Source, Table, Tree, Value, judge, parse};

const FIRST: &str = "router A on eth0 vrid 7 at 192.0.2.1 with password hunter2\n";
const SECOND: &str = "router B on eth0\n  vrid 7\n  routes 10.0.0.0/8 vai 192.0.2.9\n";

/// The place of `word` in one of the two texts.
fn at(word: &str) -> Place {
    let texts = (0..).zip([FIRST, SECOND]);
    let found = texts.filter_map(|(file, text)| {
        let start = text.find(word)?;
        Some(Place {
            file,
            start: u32::try_from(start).unwrap(),
            end: u32::try_from(start + word.len()).unwrap(),
        })
    });
    found.into_iter().next().unwrap()
}

fn instance(vrid: (i64, Place), address: &str) -> Table {
    let mut table = Table::default();
    table.set("interface", "eth0", at("eth0"));
    table.set("virtual_router_id", vrid.0, vrid.1);
    table.set("virtual_ipaddress", vec![Node::new(address, at("at 192.0.2.1"))], at("at 192.0.2.1"));
    table
}

fn tree() -> Tree {
    let sources = [("one.conf", FIRST), ("two.conf", SECOND)];
    let sources = sources.map(|(name, text)| Source::new(name.to_owned(), text.to_owned()));
    let mut tree = Tree { sources: sources.into(), ..Tree::default() };
    tree.section(Kind::Instance, "A", at("router A"), instance((7, at("vrid 7")), "192.0.2.1/24"));
    tree
}

#[test]
fn what_two_files_contradict_each_other_in_is_shown_in_both() {
    let mut tree = tree();
    let second = Place { file: 1, start: 19, end: 25 };
    tree.section(Kind::Instance, "B", at("router B"), instance((7, second), "192.0.2.2/24"));
    let expected = "\
error: virtual_router_id 7 twice on eth0 with IPv4
 --> two.conf:2:3
  |
2 |   vrid 7
  |   ^^^^^^ again here
  |
 ::: one.conf:1:18
  |
1 | router A on eth0 vrid 7 at 192.0.2.1 with password hunter2
  |                  ------ first here
  |
  = help: give each router of an interface its own, 1 to 255

error: two.conf: 1 problem
";
    assert_eq!(judge(&tree).unwrap_err().to_string(), expected);
}

#[test]
fn each_source_has_its_faults_and_their_number_and_a_word_in_a_line_is_found() {
    let mut tree = tree();
    let mut second = instance((300, Place { file: 1, start: 19, end: 25 }), "192.0.2.2");
    let routes = at("routes 10.0.0.0/8 vai 192.0.2.9");
    second.set("virtual_routes", vec![Node::new("10.0.0.0/8 vai 192.0.2.9", routes)], routes);
    tree.section(Kind::Instance, "B", at("router B"), second);
    tree.top.set("router_id", "", at("router A"));
    let said = judge(&tree).unwrap_err().to_string();
    for part in [
        "one.conf:1:1\n",
        "error: one.conf: 1 problem\n",
        "two.conf:2:3\n",
        "must be 1 to 255",
        "two.conf:3:21\n",
        "^^^ not understood",
        "error: two.conf: 2 problems\n",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

#[test]
fn secrets_are_masked_wherever_they_stand() {
    let mut tree = tree();
    tree.secrets.push(at("hunter2"));
    tree.top.set("router_id", "", at("router A"));
    let said = judge(&tree).unwrap_err().to_string();
    assert!(said.contains("with password *******") && !said.contains("hunter2"), "{said}");
    let mut tree = self::tree();
    let mut table = instance((7, at("vrid 7")), "192.0.2.1");
    let mut authentication = Table::default();
    authentication.set("auth_type", "PASS", at("password"));
    authentication.set("auth_pass", "hunter2", at("hunter2"));
    table.set("authentication", authentication, at("password hunter2"));
    tree.sections.clear();
    tree.section(Kind::Instance, "A", at("router A"), table);
    let said = judge(&tree).unwrap_err().to_string();
    assert!(said.contains("`authentication` with version 3") && !said.contains("hunter2"), "{said}");
}

#[test]
fn what_is_there_twice_is_said_with_both_places() {
    let mut tree = tree();
    tree.section(Kind::Instance, "A", at("router B"), instance((8, at("vrid 7")), "192.0.2.2"));
    tree.top.set("router_id", "a", at("router A"));
    tree.top.set("router_id", "b", at("eth0"));
    let said = judge(&tree).unwrap_err().to_string();
    assert!(said.contains("error: `A` twice") && said.contains("error: `router_id` twice"), "{said}");
    assert_eq!(said.matches("first here").count(), 2, "{said}");
}

#[test]
fn a_tree_is_written_with_its_comments_and_reads_back() {
    let mut tree = tree();
    tree.top.add("router_id", Node::new("a\u{1}b".to_owned() + "\"c", at("eth0")).comment("one.conf:1"));
    let mut more = instance((9, at("vrid 7")), "192.0.2.9");
    let routes = ["10.0.0.0/8 via 192.0.2.7", "blackhole 10.0.0.0/9"];
    let nodes = routes.map(|route| Node::new(route, at("at 192.0.2.1")).comment("x\ny"));
    more.set("virtual_routes", Value::List(nodes.into()), at("at 192.0.2.1"));
    let mut garp = Table::default();
    garp.set("repeat", 3, at("eth0"));
    more.set("garp", garp, at("eth0"));
    more.remarks.push("left out".to_owned());
    tree.section(Kind::Instance, "B 1", at("router B"), more);
    let expected = "\
router_id = \"a\\U00000001b\\\"c\"  # one.conf:1

[vrrp_instance.A]
interface = \"eth0\"
virtual_router_id = 7
virtual_ipaddress = [\"192.0.2.1/24\"]

[vrrp_instance.\"B 1\"]
interface = \"eth0\"
virtual_router_id = 9
virtual_ipaddress = [\"192.0.2.9\"]
virtual_routes = [
    \"10.0.0.0/8 via 192.0.2.7\",  # x\u{fffd}y
    \"blackhole 10.0.0.0/9\",  # x\u{fffd}y
]
garp = { repeat = 3 }
# left out
";
    assert_eq!(tree.to_toml(), expected);
    tree.top = Table::default();
    let read = parse("written", &tree.to_toml()).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(read, judge(&tree).unwrap());
}
