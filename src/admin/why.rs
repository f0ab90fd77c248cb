//! `GET` and `POST /why`.

use std::fmt::Display;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::json;

use super::json;
use crate::app::App;
use crate::explain::{Input, explain};

/// Answers a question given as JSON; as text when `query` has `format=text`.
pub(super) async fn by_body(app: &App, query: Option<&str>, body: &[u8]) -> Response<Full<Bytes>> {
    match serde_json::from_slice(body) {
        Ok(input) => tell(app, &input, wants_text(query)).await,
        Err(error) => bad(&format!("not a question: {error}; see GET / for its form")),
    }
}

/// Answers a question given as a query: `url`, `method`, `client`, any number of `header`, `format=text`.
pub(super) async fn by_query(app: &App, query: Option<&str>) -> Response<Full<Bytes>> {
    match read(query.unwrap_or_default()) {
        Ok(input) => tell(app, &input, wants_text(query)).await,
        Err(problem) => bad(&problem),
    }
}

fn read(query: &str) -> Result<Input, String> {
    let mut input = Input::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = value.replace('+', " ");
        let value = percent_decode_str(&value).decode_utf8_lossy().into_owned();
        match name {
            "url" => input.url = value,
            "method" => input.method = Some(value),
            "header" => input.headers.push(value),
            "client" => {
                let address = value.parse();
                input.client = Some(address.map_err(|_| format!("client: \"{value}\" is no IP address"))?);
            }
            "format" => {}
            other => {
                return Err(format!(
                    "\"{other}\" is unknown; give url, method, header, client, format"
                ));
            }
        }
    }
    Ok(input)
}

pub(super) fn wants_text(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|pair| pair == "format=text"))
}

async fn tell(app: &App, input: &Input, text: bool) -> Response<Full<Bytes>> {
    let told = match explain(app, input).await {
        Ok(told) => told,
        Err(error) => return bad(&error.to_string()),
    };
    page(&told, text)
}

/// A report as text or as JSON.
pub(super) fn page<T: Serialize + Display>(told: &T, text: bool) -> Response<Full<Bytes>> {
    if text {
        let mut response = Response::new(Full::new(Bytes::from(told.to_string())));
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        return response;
    }
    match serde_json::to_value(told) {
        Ok(page) => json(StatusCode::OK, &page),
        Err(error) => json(
            StatusCode::INTERNAL_SERVER_ERROR,
            &json!({ "error": error.to_string() }),
        ),
    }
}

fn bad(problem: &str) -> Response<Full<Bytes>> {
    json(StatusCode::BAD_REQUEST, &json!({ "error": problem }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_in_a_query_is_decoded() {
        let input =
            read("url=https%3A%2F%2Fa.example%2F%3Fb%3D1&header=Cookie%3A+a%3Db&header=X:y&client=::1")
                .unwrap();
        assert_eq!(input.url, "https://a.example/?b=1");
        assert_eq!(input.headers, ["Cookie: a=b", "X:y"]);
        assert_eq!(input.client, Some("::1".parse().unwrap()));
        assert!(read("urls=x").is_err() && read("client=x").is_err());
    }
}
