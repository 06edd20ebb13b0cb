//! `[vrrp_http.NAME]`.

use url::{ParseError, Url};

use super::{
    super::{
        CheckKind, HttpCheck,
        keys::{At, Field, Keys, Wrong, boolean, one_of, string, wrong_type},
        problem::Problem,
        tree::{Node, Value},
    },
    check::{pace, required},
    text,
};

/// What is expected unless `status` says so.
const SUCCESS: (u16, u16) = (200, 299);

const METHODS: &[(&str, &str)] = &[
    ("GET", "GET"),
    ("HEAD", "HEAD"),
    ("OPTIONS", "OPTIONS"),
    ("POST", "POST"),
    ("PUT", "PUT"),
    ("PATCH", "PATCH"),
    ("DELETE", "DELETE"),
];

/// What no other check has.
pub(super) fn read(keys: &mut Keys<'_, '_>, name: &At<String>) -> Option<CheckKind> {
    let url = keys.read("url", url);
    if matches!(url, Field::Wrong) {
        // Whoever writes a password into it may have written the rest wrong as well.
        keys.hide_if("url", |text| text.contains('@'));
    }
    let method = keys.read("method", one_of(METHODS));
    let status = keys.read("status", statuses);
    let body = keys.read("body", body);
    let host = keys.read("host", host);
    let verify = keys.read("verify", boolean);
    let pace = pace(keys);
    let parsed = required(keys, &url, ("url", "\"http://127.0.0.1/\""), name);
    contradictions(keys, &url, &method, &body, &verify);
    let (interval, timeout) = pace?;
    Some(CheckKind::Http(HttpCheck {
        url: parsed?.to_string(),
        method: method.or("GET")?.to_owned(),
        status: status.or(vec![SUCCESS])?,
        body: body.optional()?,
        host: host.optional()?,
        verify: verify.or(true)?,
        interval,
        timeout,
    }))
}

/// Keys that would have no effect beside others.
fn contradictions(
    keys: &mut Keys<'_, '_>,
    url: &Field<Url>,
    method: &Field<&'static str>,
    body: &Field<String>,
    verify: &Field<bool>,
) {
    if let (Some(method), Some(body)) = (method.given().filter(|at| at.value == "HEAD"), body.given()) {
        let problem = Problem::new("`body` with method HEAD", body.place, "would never be found")
            .also(method.place, "is answered without a body");
        keys.findings.push(problem.help("use GET, or remove body"));
    }
    if let (Some(url), Some(verify)) = (url.given().filter(|at| at.value.scheme() == "http"), verify.given())
    {
        let problem = Problem::new("`verify` without TLS", verify.place, "has no effect")
            .also(url.place, "no certificate to look at");
        keys.findings.push(problem.help("use https://, or remove verify"));
    }
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
