//! `[vrrp_http.NAME]`: its values, and what goes together.

use serde_json::{Value as Json, json};
use url::{ParseError, Url};

use super::{
    super::{
        CheckKind, HttpCheck,
        keys::{Wrong, string, wrong_type},
        problem::{Findings, Problem},
        table::{Http, Pace},
        tree::{Node, Value},
        types::{Own, Type, report, shown},
    },
    text,
};

/// Methods of a request.
pub(crate) const METHODS: &[(&str, &str)] = &[
    ("GET", "GET"),
    ("HEAD", "HEAD"),
    ("OPTIONS", "OPTIONS"),
    ("POST", "POST"),
    ("PUT", "PUT"),
    ("PATCH", "PATCH"),
    ("DELETE", "DELETE"),
];

/// Codes that an answer may have.
pub(crate) const STATUS: Own<Vec<(u16, u16)>> = Own {
    text: "a code from 100 to 599, a range `\"200-299\"`, or a list of these",
    schema: r#"{ "anyOf": [
        { "type": "integer", "minimum": 100, "maximum": 599 },
        { "type": "string", "pattern": "^ *[1-5][0-9][0-9] *(- *[1-5][0-9][0-9] *)?$" },
        { "type": "array", "minItems": 1, "items": { "anyOf": [
            { "type": "integer", "minimum": 100, "maximum": 599 },
            { "type": "string", "pattern": "^ *[1-5][0-9][0-9] *(- *[1-5][0-9][0-9] *)?$" }
        ] } }
    ] }"#,
    read: statuses,
    write: |statuses| write_statuses(statuses),
};

/// Text that an answer's body has in it.
pub(crate) const BODY: Own<String> =
    Own { text: "text", schema: r#"{ "type": "string", "minLength": 1 }"#, read: body, write: shown };

/// A name that is asked for.
pub(crate) const HOST: Own<String> =
    Own { text: "host name", schema: r#"{ "type": "string", "minLength": 1 }"#, read: host, write: shown };

/// A URL. One that is wrong and may have a password in it is not shown.
pub(crate) struct Address;

impl Type for Address {
    type Out = Url;

    fn read(&self, _: &'static str, path: &str, node: &Node, findings: &mut Findings) -> Option<Url> {
        let read = report(url(node), path, node, findings);
        // Whoever writes a password into it may have written the rest wrong as well.
        if read.is_none() && node.value.as_str().is_some_and(|text| text.contains('@')) {
            findings.secrets.push(node.place);
        }
        read
    }

    fn write(&self, url: &Url) -> Value {
        shown(url)
    }

    fn text(&self) -> String {
        "`http://` or `https://`".to_owned()
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "pattern": "^[hH][tT][tT][pP][sS]?:" })
    }
}

/// Keys that would have no effect beside others are reported.
pub(super) fn check(http: &Http, pace: &Pace, findings: &mut Findings) -> Option<CheckKind> {
    if let (Some(method), Some(body)) =
        (http.method.given().filter(|at| at.value == "HEAD"), http.body.given())
    {
        let problem = Problem::new("`body` with method HEAD", body.place, "would never be found")
            .also(method.place, "is answered without a body");
        findings.push(problem.help("use GET, or remove body"));
    }
    let plain = http.url.given().filter(|at| at.value.scheme() == "http");
    if let (Some(url), Some(verify)) = (plain, http.verify.given()) {
        let problem = Problem::new("`verify` without TLS", verify.place, "has no effect")
            .also(url.place, "no certificate to look at");
        findings.push(problem.help("use https://, or remove verify"));
    }
    let (interval, timeout) = super::check::pace(pace)?;
    Some(CheckKind::Http(HttpCheck {
        url: http.url.value()?.to_string(),
        method: http.method.value()?.to_owned(),
        status: http.status.value()?,
        body: http.body.optional()?,
        host: http.host.optional()?,
        verify: http.verify.value()?,
        interval,
        timeout,
    }))
}

fn url(value: &Node) -> Result<Url, Wrong> {
    let help = "write it like \"http://127.0.0.1/health\"";
    let text = string(value)?;
    let url = Url::parse(&text).map_err(|error| Wrong::new("is no URL", explain(error)).help(help))?;
    let label = match url.scheme() {
        "http" | "https" if url.host().is_none() => "no host in it".to_owned(),
        "http" | "https" if url.port() == Some(0) => "no server has port 0".to_owned(),
        "http" | "https" if !url.username().is_empty() || url.password().is_some() => {
            "user and password in a URL are not supported".to_owned()
        }
        "http" | "https" if url.fragment().is_some() => "what is after `#` is never sent".to_owned(),
        "http" | "https" => return Ok(url),
        other => format!("`{other}` is neither http nor https"),
    };
    Err(Wrong::new("is no URL that can be checked", label).help(help))
}

fn explain(error: ParseError) -> String {
    if error == ParseError::RelativeUrlWithoutBase {
        return "without `http://` in front".to_owned();
    }
    error.to_string()
}

fn statuses(value: &Node) -> Result<Vec<(u16, u16)>, Wrong> {
    let Some(list) = value.value.as_list() else {
        return Ok(vec![status(value)?]);
    };
    if list.is_empty() {
        return Err(
            Wrong::new("is empty", "no answer would do").help("write [200, \"300-399\"], or leave it out")
        );
    }
    list.iter().map(status).collect()
}

/// `200` or `"200-299"`.
fn status(value: &Node) -> Result<(u16, u16), Wrong> {
    let help = "write 200, \"200-299\" or [200, \"300-399\"]";
    let range = match &value.value {
        Value::Integer(number) => u16::try_from(*number).ok().map(|code| (code, code)),
        Value::String(text) => {
            let (low, high) = text.split_once('-').unwrap_or((text, text));
            low.trim().parse().ok().zip(high.trim().parse().ok())
        }
        Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) | Value::List(_) | Value::Table(_) => {
            return Err(wrong_type("status codes", value).help(help));
        }
    };
    let good = range.filter(|(low, high)| low <= high && (100..=599).contains(low) && *high <= 599);
    good.ok_or_else(|| {
        Wrong::new("has a bad status code", "codes are 100 to 599, the lower one first").help(help)
    })
}

/// A range alone needs no list.
fn write_statuses(statuses: &[(u16, u16)]) -> Value {
    let status = |(low, high): &(u16, u16)| -> Value {
        if low == high { (*low).into() } else { format!("{low}-{high}").into() }
    };
    match statuses {
        [only] => status(only),
        _ => Value::list(statuses.iter().map(status)),
    }
}

fn body(value: &Node) -> Result<String, Wrong> {
    let text = string(value)?;
    if text.is_empty() { Err(Wrong::new("is empty", "every answer has this")) } else { Ok(text) }
}

fn host(value: &Node) -> Result<String, Wrong> {
    let text = string(value)?;
    let bare =
        text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(text.as_str(), |(ip, _)| ip);
    if text::is_host(bare) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text);
    }
    Err(Wrong::new("is no host name", "letters, digits, `-`, `.` and a port only")
        .help("write \"www.example.net\""))
}
