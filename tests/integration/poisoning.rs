//! What one visitor sends must not choose what others get.

use crate::support::*;

async fn echo(of: &'static str, vary: Option<&'static str>) -> (Origin, Gateway) {
    let origin = Origin::start(move |seen| {
        let answer = Answer::fresh(seen.header(of).unwrap_or_else(|| "none".to_owned()));
        match vary {
            Some(vary) => answer.header("Vary", vary).into(),
            None => answer.into(),
        }
    })
    .await;
    let gateway = Gateway::start(Conf::origin(&origin)).await;
    (origin, gateway)
}

on_both_wires!(a_port_in_the_host_is_in_no_copy_for_others);

async fn a_port_in_the_host_is_in_no_copy_for_others(wire: Wire) {
    let (_origin, gateway) = echo("host", None).await;
    let fetch = |host: &'static str| wire.fetch(&gateway, Req::get("/").host(host));
    assert_eq!(fetch("site.example:1234").await.text(), "site.example:1234");
    assert_eq!(fetch("site.example").await.text(), "site.example");
    assert_eq!(fetch("site.example:1234").await.text(), "site.example:1234");
    fetch("site.example:1234").await.expect(200, "HIT");
}

#[tokio::test]
async fn other_spellings_of_a_host_reach_the_origin_as_one() {
    let (origin, gateway) = echo("host", None).await;
    for host in ["SITE.example", "site.example.", "site.example:", "Site.Example"] {
        let response = gateway.fetch(Req::get("/").host(host)).await;
        assert_eq!(response.text(), "site.example", "{host}");
    }
    assert_eq!(origin.count(), 1);
}

#[tokio::test]
async fn rfc9110_7_6_1_what_connection_takes_from_the_origin_chooses_no_variant() {
    let (_origin, gateway) = echo("accept-language", Some("Accept-Language")).await;
    let french = || Req::get("/").header("Accept-Language", "fr");
    let hidden = french().header("Connection", "Accept-Language");
    assert_eq!(gateway.fetch(hidden).await.text(), "none");
    assert_eq!(gateway.fetch(french()).await.text(), "fr");
}
