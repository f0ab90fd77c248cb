//! Pingora's hooks. This file is their table of contents; what they do is in the rooms below.

pub mod answer;
pub mod cache;
pub mod connect;
pub mod context;
pub mod decide;
pub mod errors;
mod freshen;
pub mod headers;
pub mod invalidate;
pub mod log;
mod login_loop;
pub mod normalise;
mod patient;
pub mod purge;
mod refetch;
pub mod refresh;
pub mod request;
pub mod response;
mod second_sight;
pub mod sentinel;
pub mod snoop;
pub mod uncacheable;
pub mod upstream;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pingora_cache::storage::HitHandler;
use pingora_cache::{CacheKey, CacheMeta, ForcedFreshness, RespCacheable};
use pingora_core::apps::{HttpServerApp as _, HttpServerOptions};
use pingora_core::modules::http::HttpModules;
use pingora_core::protocols::Digest;
use pingora_core::server::configuration::ServerConf;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::RangeType;
use pingora_proxy::{FailToProxy, HttpProxy, ProxyHttp, Session};

use crate::app::App;
use crate::cache::storage::CacheStorage;
use crate::cache::storage::fill_lock::{FillLock, LockTerms};
use crate::serve::ray::Rays;
use context::RequestContext;
use uncacheable::Uncacheable;

/// Trace filter for the engine, which reports each client that goes away and each failed try as an error;
/// popgate reports requests in its access log and metrics.
pub const ENGINE_TRACES: &str = "pingora_proxy=off,pingora_core=off,pingora_cache=warn";
/// Tries at origins that Pingora allows; popgate's own rule (`origins.*.retries`) is stricter.
const TRIES_MAX: usize = 4;
/// Idle connections Pingora keeps over all origins; each origin's own cap is stricter.
const POOL_SIZE: usize = 4096;
/// Most ranges in one request.
const RANGES_MAX: usize = 200;

/// The gateway as Pingora serves it.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

/// What the hooks share.
pub struct Inner {
    /// All parts.
    pub app: Arc<App>,
    /// The tiers in Pingora's form.
    pub storage: &'static CacheStorage,
    /// One fetch per key.
    pub lock: &'static FillLock,
    /// Keys that turned out uncacheable.
    pub uncacheable: &'static Uncacheable,
    /// Made-up URLs seen lately.
    second_sight: second_sight::SecondSight,
    /// Sites whose login page redirects to itself.
    login_loops: login_loop::Told,
    /// Request ids.
    pub rays: Rays,
    server: std::sync::OnceLock<Arc<HttpProxy<Gateway>>>,
}

impl std::ops::Deref for Gateway {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Gateway {
    /// Builds the gateway. Storage, lock and memory live as long as the process: Pingora asks for that.
    #[must_use]
    pub fn start(app: Arc<App>) -> Self {
        let live = app.live();
        let settings = &live.config.cache;
        let storage = CacheStorage::new(
            Arc::clone(&app.cache),
            app.clock.clone(),
            Arc::clone(&app.metrics),
            settings.object_max,
        );
        Self(Arc::new(Inner {
            storage: Box::leak(Box::new(storage)),
            lock: Box::leak(Box::new(FillLock::new(
                lock_terms(settings),
                Arc::clone(&app.cache),
                app.clock.clone(),
                Arc::clone(&app.metrics),
            ))),
            uncacheable: Box::leak(Box::new(
                Uncacheable::new(settings.uncacheable_memory, app.clock.clone())
                    .except_for(Arc::clone(&app.cache)),
            )),
            second_sight: second_sight::SecondSight::default(),
            login_loops: login_loop::Told::default(),
            rays: Rays::new(&live.config.pop, rand::random()),
            server: std::sync::OnceLock::new(),
            app,
        }))
    }

    /// Goes on under the configuration in force now.
    pub fn renew(&self) {
        let live = self.app.live();
        let settings = &live.config.cache;
        self.storage.set_object_max(settings.object_max);
        self.lock.set_terms(lock_terms(settings));
        self.uncacheable.set_memory(settings.uncacheable_memory);
        self.rays.rename(&live.config.pop);
    }

    /// Pingora's server around this gateway.
    #[must_use]
    pub fn server(&self) -> Arc<HttpProxy<Self>> {
        Arc::clone(self.server.get_or_init(|| Arc::new(self.build_server())))
    }

    fn build_server(&self) -> HttpProxy<Self> {
        let conf = ServerConf {
            max_retries: TRIES_MAX,
            upstream_keepalive_pool_size: POOL_SIZE,
            ..ServerConf::default()
        };
        let mut proxy = pingora_proxy::http_proxy(&Arc::new(conf), self.clone());
        let mut options = HttpServerOptions::default();
        // So that the normaliser can refuse it: the engine's own answer names the engine.
        options.allow_connect_method_proxying = true;
        proxy.server_options = Some(options);
        proxy
    }

    /// Lets idle connections go: the process stops.
    pub async fn stop_idle(&self) {
        self.server().http_cleanup().await;
    }
}

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = RequestContext;

    fn new_ctx(&self) -> RequestContext {
        RequestContext::new(self.app.live(), self.app.clock.now())
    }

    /// No modules: Pingora's compression would work on every hit.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn early_request_filter(&self, session: &mut Session, cx: &mut RequestContext) -> Result<()> {
        request::early(self, session, cx)
    }

    async fn request_filter(&self, session: &mut Session, cx: &mut RequestContext) -> Result<bool> {
        request::filter(self, session, cx).await
    }

    fn request_cache_filter(&self, session: &mut Session, cx: &mut RequestContext) -> Result<()> {
        cache::enable(self, session, cx);
        Ok(())
    }

    fn cache_key_callback(&self, _session: &Session, cx: &mut RequestContext) -> Result<CacheKey> {
        cache::key(cx)
    }

    fn cache_miss(&self, session: &mut Session, _cx: &mut RequestContext) {
        cache::miss(session);
    }

    async fn cache_hit_filter(
        &self,
        _session: &mut Session,
        meta: &CacheMeta,
        _handler: &mut HitHandler,
        _is_fresh: bool,
        cx: &mut RequestContext,
    ) -> Result<Option<ForcedFreshness>> {
        Ok(cache::judge(self, cx, meta))
    }

    fn should_serve_stale(
        &self,
        session: &mut Session,
        cx: &mut RequestContext,
        error: Option<&Error>,
    ) -> bool {
        cache::may_serve_stale(self, session, cx, error)
    }

    fn cache_not_modified_filter(
        &self,
        session: &Session,
        response: &ResponseHeader,
        _cx: &mut RequestContext,
    ) -> Result<bool> {
        Ok(response::client_copy_is_good(
            session,
            response,
            self.app.clock.now(),
        ))
    }

    fn range_header_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        _cx: &mut RequestContext,
    ) -> RangeType {
        response::range(session, response, self.app.clock.now(), RANGES_MAX)
    }

    async fn proxy_upstream_filter(&self, session: &mut Session, cx: &mut RequestContext) -> Result<bool> {
        request::may_go_upstream(session, cx).await
    }

    async fn upstream_peer(&self, session: &mut Session, cx: &mut RequestContext) -> Result<Box<HttpPeer>> {
        upstream::choose(self, session, cx).await
    }

    async fn connected_to_upstream(
        &self,
        _session: &mut Session,
        reused: bool,
        _peer: &HttpPeer,
        fd: std::os::fd::RawFd,
        _digest: Option<&Digest>,
        cx: &mut RequestContext,
    ) -> Result<()> {
        upstream::connected(self, cx, reused, fd);
        Ok(())
    }

    fn fail_to_connect(
        &self,
        session: &mut Session,
        _peer: &HttpPeer,
        cx: &mut RequestContext,
        error: Box<Error>,
    ) -> Box<Error> {
        upstream::failed_to_connect(cx, &session.req_header().method, error)
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        cx: &mut RequestContext,
        _reused: bool,
    ) -> Box<Error> {
        upstream::failed_while_proxying(cx, session, error)
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        cx: &mut RequestContext,
    ) -> Result<()> {
        upstream::request_headers(session, cx, request)
    }

    async fn request_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        _end: bool,
        cx: &mut RequestContext,
    ) -> Result<()> {
        snoop::request_body(cx, body.as_ref());
        request::count_body(cx, body.as_ref().map_or(0, Bytes::len))
    }

    async fn upstream_response_filter(
        &self,
        _session: &mut Session,
        response: &mut ResponseHeader,
        cx: &mut RequestContext,
    ) -> Result<()> {
        upstream::response_headers(cx, response)?;
        purge::in_band(self, cx, response).await;
        Ok(())
    }

    fn response_cache_filter(
        &self,
        session: &Session,
        response: &ResponseHeader,
        cx: &mut RequestContext,
    ) -> Result<RespCacheable> {
        Ok(cache::decide_store(self, session, response, cx))
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        cx: &mut RequestContext,
    ) -> Result<()> {
        invalidate::after_write(self, session, cx, response).await;
        snoop::head(self, cx, response);
        response::finish(self, session, cx, response)
    }

    fn response_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        cx: &mut RequestContext,
    ) -> Result<Option<Duration>> {
        snoop::answer_body(self, cx, body.as_ref(), end);
        response::keep_bodyless(cx, body);
        Ok(None)
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        cx: &mut RequestContext,
    ) -> FailToProxy {
        errors::answer(session, error, cx).await
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, cx: &mut RequestContext) {
        log::finish(self, session, error, cx).await;
    }

    /// Query strings may hold secrets; the access log is where requests are written down.
    fn request_summary(&self, session: &Session, cx: &RequestContext) -> String {
        format!(
            "{} {} {}",
            session.req_header().method,
            cx.facts.authority.host,
            cx.facts.ray
        )
    }
}

fn lock_terms(settings: &crate::config::model::Cache) -> LockTerms {
    LockTerms {
        age: settings.lock_age,
        retries: settings.lock_retries,
    }
}

/// The error that stands for a status.
fn status_error(status: u16, why: &'static str) -> Box<Error> {
    Error::explain(ErrorType::HTTPStatus(status), why)
}
