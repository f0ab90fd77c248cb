use parking_lot::Mutex;

use super::*;
use crate::refresh::Terms;
use crate::refresh::pace::PAUSES_MAX;
use crate::refresh::testing::url;

/// An origin that takes a time and an outcome for each fetch, in order; the last holds for all that follow.
struct Scripted {
    script: Vec<(u64, Outcome)>,
    began: Instant,
    /// Path and milliseconds of each fetch.
    fetched: Mutex<Vec<(String, u128)>>,
    running: Mutex<(usize, usize)>,
    counts: Mutex<Vec<(&'static str, usize)>>,
    waiting: Mutex<Vec<usize>>,
}

impl Scripted {
    fn new(script: &[(u64, Outcome)]) -> Self {
        Self {
            script: script.to_vec(),
            began: Instant::now(),
            fetched: Mutex::default(),
            running: Mutex::default(),
            counts: Mutex::default(),
            waiting: Mutex::default(),
        }
    }

    fn counted(&self, result: &str) -> usize {
        let counts = self.counts.lock();
        counts
            .iter()
            .filter(|(known, _)| *known == result)
            .map(|(_, n)| n)
            .sum()
    }

    fn paths(&self) -> Vec<String> {
        self.fetched.lock().iter().map(|(path, _)| path.clone()).collect()
    }
}

impl Fetch for Scripted {
    fn fetch(&self, url: Arc<Url>, begun: oneshot::Sender<()>) -> BoxFuture<'_, Done> {
        let nth = {
            let mut fetched = self.fetched.lock();
            fetched.push((url.path.to_string(), self.began.elapsed().as_millis()));
            fetched.len() - 1
        };
        let (time, outcome) = self.script[nth.min(self.script.len() - 1)];
        Box::pin(async move {
            {
                let mut running = self.running.lock();
                running.0 += 1;
                running.1 = running.1.max(running.0);
            }
            let took = Duration::from_millis(time);
            tokio::time::sleep(took).await;
            self.running.lock().0 -= 1;
            if outcome != Outcome::Failed {
                let _ = begun.send(());
            }
            Done {
                outcome,
                took: (outcome == Outcome::Stored).then_some(took),
            }
        })
    }

    fn waiting(&self) -> usize {
        self.waiting.lock().pop().unwrap_or(0)
    }

    fn count(&self, result: &'static str, times: usize) {
        self.counts.lock().push((result, times));
    }
}

fn site(concurrent: usize, paths: &[&str]) -> SiteRefresh {
    let site = SiteRefresh::new("site");
    site.set_terms(Some(Terms {
        urls: 100,
        concurrent,
        origin: None,
    }));
    site.note_time(Duration::from_millis(100));
    add(&site, paths);
    site
}

fn add(site: &SiteRefresh, paths: &[&str]) {
    let counts = (1..=paths.len() as u64).rev();
    let urls = counts.zip(paths.iter().map(|path| url(path))).collect();
    site.queue().lock().add(urls, 100);
}

const PATHS: [&str; 6] = ["/a", "/b", "/c", "/d", "/e", "/f"];

#[tokio::test(start_paused = true)]
async fn all_are_fetched_the_hottest_first_and_never_more_at_once_than_allowed() {
    let origin = Scripted::new(&[(100, Outcome::Stored)]);
    let site = site(2, &PATHS);
    work(&site, &origin).await;
    assert_eq!(origin.paths(), PATHS);
    assert_eq!(origin.running.lock().1, 2);
    assert_eq!(origin.counted("stored"), PATHS.len());
    assert_eq!(origin.began.elapsed().as_millis(), 300);
    assert_eq!(origin.counted("paused"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_is_followed_by_a_pause() {
    let origin = Scripted::new(&[
        (100, Outcome::Stored),
        (300, Outcome::Stored),
        (100, Outcome::Stored),
    ]);
    let site = site(1, &PATHS[..3]);
    work(&site, &origin).await;
    let times: Vec<u128> = origin.fetched.lock().iter().map(|(_, at)| *at).collect();
    assert_eq!(times, [0, 100, 900]);
    assert_eq!((origin.counted("paused"), origin.counted("stored")), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn while_one_hangs_the_next_is_not_started_before_a_pause() {
    let origin = Scripted::new(&[(10_000, Outcome::Stored), (100, Outcome::Stored)]);
    let site = site(2, &["/hangs", "/b", "/c", "/d"]);
    work(&site, &origin).await;
    let times: Vec<u128> = origin.fetched.lock().iter().map(|(_, at)| *at).collect();
    // Slow from 200 ms on: /d, which was about to be started then, waits 500 ms.
    assert_eq!(times, [0, 0, 100, 700]);
}

#[tokio::test(start_paused = true)]
async fn an_origin_that_fails_is_left_alone_after_some_pauses() {
    let origin = Scripted::new(&[(10, Outcome::Failed)]);
    let paths: Vec<String> = (0..20).map(|n| format!("/{n}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let site = site(1, &paths);
    work(&site, &origin).await;
    let tries = PAUSES_MAX as usize + 1;
    assert_eq!(origin.counted("failed"), tries);
    assert_eq!(origin.counted("paused"), PAUSES_MAX as usize);
    assert_eq!(origin.counted("dropped"), paths.len() - tries);
}

#[tokio::test(start_paused = true)]
async fn an_origin_with_others_waiting_is_not_asked() {
    let origin = Scripted::new(&[(100, Outcome::Stored)]);
    *origin.waiting.lock() = vec![0, 1, 5];
    let site = site(1, &PATHS[..1]);
    work(&site, &origin).await;
    assert_eq!(origin.fetched.lock()[0].1, 1500);
    assert_eq!((origin.counted("paused"), origin.counted("stored")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_it_works_is_fetched_too_and_then_it_rests() {
    let origin = Scripted::new(&[(100, Outcome::FreshAlready)]);
    let site = site(1, &PATHS[..1]);
    let more = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        add(&site, &PATHS[1..3]);
    };
    tokio::join!(work(&site, &origin), more);
    assert_eq!(origin.paths(), PATHS[..3]);
    assert_eq!(origin.counted("fresh_already"), 3);
    assert!(site.queue().lock().add(vec![(1, url("/a"))], 9).start);
}

#[tokio::test(start_paused = true)]
async fn a_site_that_is_turned_off_lets_the_rest_go() {
    let origin = Scripted::new(&[(100, Outcome::Stored)]);
    let site = site(1, &PATHS);
    let off = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        site.set_terms(None);
    };
    tokio::join!(work(&site, &origin), off);
    assert_eq!((origin.counted("stored"), origin.counted("dropped")), (1, 5));
}
