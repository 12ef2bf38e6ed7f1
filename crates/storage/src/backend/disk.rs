//! Files in a folder, through the `object_store` crate: written beside their place, flushed, then renamed.

use std::fs::DirBuilder;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Location;
use object_store::{GetOptions, MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};
use tokio_util::task::TaskTracker;

use super::{Backend, Blob, Content, Draft, Error};

/// How many bytes of an upload are held in memory before they are written.
const PART: usize = 1024 * 1024;

/// A folder of files, two levels of sub-folders deep: `3f/a9/3fa9….`
#[derive(Debug)]
pub struct Disk {
    files: Arc<LocalFileSystem>,
    tasks: TaskTracker,
}

impl Disk {
    /// Opens the folder `root`, making it, for our own account only, when it is missing. With `durable`, a file
    /// that was finished outlives a power failure. Abandoned drafts are removed by tasks of `tasks`.
    ///
    /// # Errors
    /// [`Error::Failed`] when the folder cannot be made or opened.
    pub fn open(root: &Path, durable: bool, tasks: TaskTracker) -> Result<Self, Error> {
        make_private(root).map_err(|error| Error::Failed(Box::new(FolderError { root: root.into(), error })))?;
        let files = LocalFileSystem::new_with_prefix(root).map_err(|error| Error::Failed(Box::new(error)))?;
        Ok(Self { files: Arc::new(files.with_fsync(durable)), tasks })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cannot make the folder {}: {error}", root.display())]
struct FolderError {
    root: std::path::PathBuf,
    error: io::Error,
}

fn make_private(root: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(root)
}

/// Hexadecimal digits and hyphens only, so there is nothing to escape and no limit to run into.
fn location(blob: Blob) -> Location {
    let name = blob.to_string();
    Location::from_iter([&name[0..2], &name[2..4], &name])
}

fn failed(blob: Blob) -> impl Fn(object_store::Error) -> Error {
    move |error| match error {
        object_store::Error::NotFound { .. } => Error::NotFound(blob),
        other => Error::Failed(Box::new(other)),
    }
}

impl Backend for Disk {
    fn create(&self, blob: Blob) -> BoxFuture<'_, Result<Box<dyn Draft>, Error>> {
        async move {
            let upload = self.files.put_multipart(&location(blob)).await.map_err(failed(blob))?;
            let tasks = self.tasks.clone();
            let draft = DiskDraft { blob, upload: Some(upload), held: Vec::new(), held_bytes: 0, tasks };
            Ok(Box::new(draft) as Box<dyn Draft>)
        }
        .boxed()
    }

    fn read(&self, blob: Blob, range: Option<Range<u64>>) -> BoxFuture<'_, Result<Content, Error>> {
        async move {
            let options = GetOptions { range: range.map(Into::into), ..GetOptions::default() };
            let found = self.files.get_opts(&location(blob), options).await.map_err(failed(blob))?;
            let length = found.range.end - found.range.start;
            Ok(Content { length, bytes: found.into_stream().map_err(failed(blob)).boxed() })
        }
        .boxed()
    }

    fn copy(&self, from: Blob, to: Blob) -> BoxFuture<'_, Result<(), Error>> {
        async move { self.files.copy(&location(from), &location(to)).await.map_err(failed(from)) }.boxed()
    }

    fn delete(&self, blob: Blob) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            match self.files.delete(&location(blob)).await.map_err(failed(blob)) {
                Ok(()) | Err(Error::NotFound(_)) => Ok(()),
                Err(error) => Err(error),
            }
        }
        .boxed()
    }
}

struct DiskDraft {
    blob: Blob,
    /// Taken by `finish`; what is still here when the draft is dropped is undone.
    upload: Option<Box<dyn MultipartUpload>>,
    held: Vec<Bytes>,
    held_bytes: usize,
    tasks: TaskTracker,
}

impl DiskDraft {
    async fn flush(&mut self) -> Result<(), Error> {
        let Some(upload) = self.upload.as_mut().filter(|_| self.held_bytes > 0) else { return Ok(()) };
        self.held_bytes = 0;
        let part = PutPayload::from_iter(std::mem::take(&mut self.held));
        upload.put_part(part).await.map_err(failed(self.blob))
    }
}

impl Draft for DiskDraft {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            self.held_bytes += bytes.len();
            self.held.push(bytes);
            if self.held_bytes >= PART { self.flush().await } else { Ok(()) }
        }
        .boxed()
    }

    fn finish(mut self: Box<Self>) -> BoxFuture<'static, Result<(), Error>> {
        async move {
            self.flush().await?;
            let mut upload = self.upload.take().expect("a draft is finished once");
            upload.complete().await.map_err(failed(self.blob))?;
            Ok(())
        }
        .boxed()
    }
}

impl Drop for DiskDraft {
    fn drop(&mut self) {
        let Some(mut upload) = self.upload.take() else { return };
        // Without a runtime the process is ending, and the store removes the draft on its own drop.
        if tokio::runtime::Handle::try_current().is_ok() {
            let blob = self.blob;
            self.tasks.spawn(async move {
                if let Err(error) = upload.abort().await {
                    tracing::warn!(%blob, %error, "an abandoned upload could not be removed");
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOB: Blob = Blob(uuid::Uuid::from_u128(0x3fa9_0000_0000_4000_8000_0000_0000_0001));

    fn disk() -> (tempfile::TempDir, TaskTracker, Disk) {
        let folder = tempfile::tempdir().expect("a folder");
        let tasks = TaskTracker::new();
        tasks.close();
        let disk = Disk::open(&folder.path().join("files"), true, tasks.clone()).expect("a folder that can be made");
        (folder, tasks, disk)
    }

    fn files_below(folder: &Path) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        entries
            .flat_map(|entry| {
                let path = entry.expect("an entry").path();
                if path.is_dir() { files_below(&path) } else { vec![path.display().to_string()] }
            })
            .collect()
    }

    #[tokio::test]
    async fn a_file_exists_once_it_is_finished_and_only_then() {
        let (folder, tasks, disk) = disk();
        let mut draft = disk.create(BLOB).await.expect("a draft");
        draft.write(Bytes::from(vec![7; PART + 3])).await.expect("written");
        assert!(matches!(disk.read(BLOB, None).await, Err(Error::NotFound(BLOB))));
        draft.finish().await.expect("finished");
        let content = disk.read(BLOB, Some(PART as u64..PART as u64 + 3)).await.expect("there");
        assert_eq!(content.length, 3);
        assert_eq!(content.bytes.try_collect::<Vec<_>>().await.expect("read").concat(), vec![7; 3]);

        let copy = Blob(uuid::Uuid::from_u128(1));
        disk.copy(BLOB, copy).await.expect("copied");
        disk.delete(BLOB).await.expect("removed");
        disk.delete(BLOB).await.expect("removed already");
        assert_eq!(disk.read(copy, None).await.expect("still there").length, PART as u64 + 3);
        disk.delete(copy).await.expect("removed");

        let mut abandoned = disk.create(BLOB).await.expect("a draft");
        abandoned.write(Bytes::from(vec![7; PART])).await.expect("written");
        drop(abandoned);
        tasks.wait().await;
        assert_eq!(files_below(folder.path()), Vec::<String>::new());
    }

    #[tokio::test]
    async fn an_empty_file_is_a_file() {
        let (_folder, _, disk) = disk();
        disk.create(BLOB).await.expect("a draft").finish().await.expect("finished");
        assert_eq!(disk.read(BLOB, None).await.expect("there").length, 0);
    }
}
