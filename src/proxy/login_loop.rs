//! A login page that redirects to itself: the application does not know that its visitor came by https.

use std::collections::BTreeSet;

use http::{StatusCode, header};
use parking_lot::Mutex;
use pingora_http::ResponseHeader;
use tracing::warn;

use super::Gateway;
use super::context::{Facts, RequestContext};
use crate::config::Preset;

/// Sites of which it has been said.
pub(super) type Told = Mutex<BTreeSet<String>>;

/// Says it once for each site, with the mend.
pub(super) fn note(gateway: &Gateway, cx: &RequestContext, response: &ResponseHeader) {
    let Some(site) = cx
        .site
        .as_ref()
        .filter(|site| site.config.preset == Preset::Wordpress)
    else {
        return;
    };
    let location = response
        .headers
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok());
    if !loops(&cx.facts, response.status, location) {
        return;
    }
    if gateway.login_loops.lock().insert(site.config.name.clone()) {
        warn!(
            site = site.config.name,
            "wp-login.php redirects to itself: let WordPress know the scheme, in wp-config.php above \"stop editing\": \
             if (($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '') === 'https') {{ $_SERVER['HTTPS'] = 'on'; }}"
        );
    }
}

fn loops(facts: &Facts, status: StatusCode, location: Option<&str>) -> bool {
    let path = facts.target.split('?').next().unwrap_or_default();
    let own = || {
        format!(
            "{}://{}{}",
            facts.scheme.as_str(),
            facts.authority.text,
            facts.target
        )
    };
    status.is_redirection()
        && path.ends_with("/wp-login.php")
        && location.is_some_and(|location| location == own())
}

#[cfg(test)]
mod tests {
    use popgate_filters::Scheme;

    use super::*;

    #[test]
    fn only_a_redirect_to_the_same_url_is_a_loop() {
        let mut facts = Facts::unknown();
        facts.scheme = Scheme::Https;
        facts.authority.text = "blog.example".to_owned();
        facts.target = "/de/wp-login.php?x=1".to_owned();
        let own = "https://blog.example/de/wp-login.php?x=1";
        assert!(loops(&facts, StatusCode::FOUND, Some(own)));
        assert!(!loops(&facts, StatusCode::OK, Some(own)));
        assert!(!loops(&facts, StatusCode::FOUND, None));
        facts.scheme = Scheme::Http;
        assert!(!loops(&facts, StatusCode::FOUND, Some(own)), "to https");
        facts.target = "/post-7/".to_owned();
        assert!(!loops(
            &facts,
            StatusCode::FOUND,
            Some("http://blog.example/post-7/")
        ));
    }
}
