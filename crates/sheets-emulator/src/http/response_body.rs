//! The body of a response.
//!
//! In scope: all bytes together, or the first half and then the end of the connection.
//! Out of scope: content (`api::call`).

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::api::call::ConnectionDropped;

/// A response body.
#[derive(Debug)]
pub struct ResponseBody {
    left: Option<Bytes>,
    length: u64,
    is_truncated: bool,
}

impl ResponseBody {
    /// Creates a body of these bytes. A body that breaks off announces all bytes and ends after
    /// half of them.
    pub fn new(bytes: Bytes, is_truncated: bool) -> Self {
        let length = bytes.len() as u64;
        let sent = if is_truncated { bytes.slice(..bytes.len() / 2) } else { bytes };
        Self { left: Some(sent).filter(|bytes| !bytes.is_empty()), length, is_truncated }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = ConnectionDropped;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ConnectionDropped>>> {
        match self.left.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None if self.is_truncated => Poll::Ready(Some(Err(ConnectionDropped))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_none() && !self.is_truncated
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
