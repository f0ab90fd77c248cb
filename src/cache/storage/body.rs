//! A stored body on its way to a client: shared, never copied, sliced for ranges.

use std::any::Any;

use async_trait::async_trait;
use bytes::Bytes;
use pingora_cache::CacheKey;
use pingora_cache::storage::{HandleHit, Storage};
use pingora_cache::trace::SpanHandle;
use pingora_core::{Error, ErrorType, Result};

/// A hit's body.
#[derive(Debug)]
pub(super) struct HitBody {
    whole: Bytes,
    next: Option<Bytes>,
}

impl HitBody {
    pub(super) fn new(whole: Bytes) -> Self {
        let next = (!whole.is_empty()).then(|| whole.clone());
        Self { whole, next }
    }
}

#[async_trait]
impl HandleHit for HitBody {
    async fn read_body(&mut self) -> Result<Option<Bytes>> {
        Ok(self.next.take())
    }

    async fn finish(
        self: Box<Self>,
        _storage: &'static (dyn Storage + Sync),
        _key: &CacheKey,
        _trace: &SpanHandle,
    ) -> Result<()> {
        Ok(())
    }

    fn can_seek(&self) -> bool {
        true
    }

    /// `end` is exclusive.
    fn seek(&mut self, start: usize, end: Option<usize>) -> Result<()> {
        let end = end.unwrap_or(self.whole.len()).min(self.whole.len());
        if start >= end {
            return Error::e_explain(ErrorType::InternalError, "range outside of the stored body");
        }
        self.next = Some(self.whole.slice(start..end));
        Ok(())
    }

    fn should_count_access(&self) -> bool {
        false
    }

    fn get_eviction_weight(&self) -> usize {
        self.whole.len()
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }

    fn as_any_mut(&mut self) -> &mut (dyn Any + Send + Sync) {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_range_is_a_slice_of_the_whole() {
        let mut body = HitBody::new(Bytes::from_static(b"0123456789"));
        body.seek(2, Some(5)).unwrap();
        assert_eq!(body.read_body().await.unwrap().unwrap(), "234");
        assert_eq!(body.read_body().await.unwrap(), None);
        body.seek(8, None).unwrap();
        assert_eq!(body.read_body().await.unwrap().unwrap(), "89");
        assert!(body.seek(10, None).is_err());
    }

    #[tokio::test]
    async fn an_empty_body_ends_at_once() {
        assert_eq!(HitBody::new(Bytes::new()).read_body().await.unwrap(), None);
    }
}
