use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::*;

/// Counts how many are open.
struct Fake {
    kind: u8,
    clean: bool,
    open: Arc<AtomicUsize>,
    alive: Arc<AtomicBool>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Default)]
struct Place {
    open: Arc<AtomicUsize>,
    most: AtomicUsize,
    connects: AtomicUsize,
    alive: Arc<AtomicBool>,
    /// Every attempt fails while set.
    away: AtomicBool,
    /// Time to open one.
    takes: Mutex<Duration>,
}

/// No connection for kind 255.
const DENIED: u8 = 255;

impl Backend for Place {
    type Conn = Fake;
    type Want = u8;
    type Error = String;

    async fn connect(&self, want: &u8) -> Result<Fake, String> {
        self.connects.fetch_add(1, Ordering::SeqCst);
        let takes = *self.takes.lock();
        tokio::time::sleep(takes).await;
        if *want == DENIED {
            return Err("denied".to_owned());
        }
        if self.away.load(Ordering::SeqCst) {
            return Err("refused".to_owned());
        }
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(open, Ordering::SeqCst);
        Ok(Fake {
            kind: *want,
            clean: true,
            open: Arc::clone(&self.open),
            alive: Arc::clone(&self.alive),
        })
    }

    fn late(&self, limit: Duration) -> String {
        format!("no answer within {limit:?}")
    }

    fn denied(error: &String) -> bool {
        error == "denied"
    }

    fn fit(conn: &Fake, want: &u8) -> Option<u8> {
        (conn.kind == *want).then_some(1)
    }

    fn alive(conn: &mut Fake) -> bool {
        conn.alive.load(Ordering::SeqCst)
    }

    fn is_clean(conn: &Fake) -> bool {
        conn.clean
    }

    async fn reset(&self, conn: &mut Fake) -> Result<(), String> {
        tokio::time::sleep(SECOND).await;
        conn.clean = true;
        Ok(())
    }

    async fn close(&self, _: Fake) {}

    fn warm(&self) -> Option<u8> {
        Some(1)
    }
}

const SECOND: Duration = Duration::from_secs(1);

fn pool(min: usize, max: usize, connecting_max: usize) -> Arc<Pool<Place>> {
    let place = Place {
        alive: Arc::new(AtomicBool::new(true)),
        ..Place::default()
    };
    let sizes = Sizes {
        min,
        max,
        connecting_max,
        queue_max: 100,
        wait: 10 * SECOND,
        idle: 600 * SECOND,
        lifetime: 3600 * SECOND,
        connect: 5 * SECOND,
    };
    Pool::new(Arc::new(place), sizes)
}

impl Pool<Place> {
    fn open(&self) -> usize {
        self.backend.open.load(Ordering::SeqCst)
    }

    fn now(&self) -> (usize, usize, usize, usize) {
        let now = self.snapshot();
        (now.active, now.idle, now.connecting, now.waiting)
    }
}

/// Lets spawned tasks go as far as they can without time.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_released_connection_is_used_again_and_a_dropped_one_is_closed() {
    let pool = pool(0, 2, 2);
    pool.acquire(&1).await.unwrap().release();
    let again = pool.acquire(&1).await.unwrap();
    assert_eq!((pool.open(), pool.snapshot().counters.opened), (1, 1));
    drop(again);
    assert_eq!((pool.open(), pool.now()), (0, (0, 0, 0, 0)));
}

#[tokio::test(start_paused = true)]
async fn an_unclean_connection_is_closed_when_it_is_released() {
    let pool = pool(0, 2, 2);
    let mut lease = pool.acquire(&1).await.unwrap();
    lease.clean = false;
    lease.release();
    settle().await;
    assert_eq!((pool.open(), pool.now()), (0, (0, 0, 0, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_recycled_connection_is_reset_before_it_serves_again() {
    let pool = pool(0, 1, 1);
    let mut lease = pool.acquire(&1).await.unwrap();
    lease.clean = false;
    lease.recycle(5 * SECOND);
    assert_eq!(pool.now().0, 1);
    let next = pool.acquire(&1).await.unwrap();
    assert!(next.clean);
    assert_eq!((pool.open(), pool.snapshot().counters.opened), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn waiters_are_served_in_order_and_never_above_the_cap() {
    let pool = pool(0, 2, 2);
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for number in 0..15 {
        let (pool, served) = (Arc::clone(&pool), Arc::clone(&served));
        tasks.push(tokio::spawn(async move {
            let lease = pool.acquire(&1).await.unwrap();
            served.lock().push(number);
            tokio::time::sleep(SECOND).await;
            lease.release();
        }));
        tokio::task::yield_now().await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*served.lock(), (0..15).collect::<Vec<_>>());
    assert_eq!(pool.backend.most.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_at_its_deadline_and_leaves_no_trace() {
    let pool = pool(0, 1, 1);
    let held = pool.acquire(&1).await.unwrap();
    let start = Instant::now();
    let error = pool.acquire(&1).await.unwrap_err();
    assert!(matches!(error, AcquireError::Late { cause: None, .. }), "{error}");
    assert_eq!((start.elapsed(), pool.now().3), (10 * SECOND, 0));
    held.release();
    pool.acquire(&1).await.unwrap().release();
    assert_eq!(pool.open(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_handed_to_someone_who_left_goes_to_the_next() {
    let pool = pool(0, 1, 1);
    let held = pool.acquire(&1).await.unwrap();
    let leaver = tokio::spawn({
        let pool = Arc::clone(&pool);
        async move { pool.acquire(&1).await.map(Lease::release) }
    });
    settle().await;
    let next = tokio::spawn({
        let pool = Arc::clone(&pool);
        async move { pool.acquire(&1).await.map(Lease::release) }
    });
    settle().await;
    // Handed over, and gone before it could look.
    held.release();
    leaver.abort();
    next.await.unwrap().unwrap();
    assert_eq!((pool.now(), pool.open()), ((0, 1, 0, 0), 1));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_comes_back_serves_a_waiter_while_one_is_opened_for_it() {
    let pool = pool(0, 2, 2);
    let held = pool.acquire(&1).await.unwrap();
    *pool.backend.takes.lock() = 3 * SECOND;
    let start = Instant::now();
    let waiter = tokio::spawn({
        let pool = Arc::clone(&pool);
        async move { pool.acquire(&1).await.map(|lease| (Instant::now(), lease)) }
    });
    settle().await;
    assert_eq!(pool.now(), (1, 0, 1, 1));
    held.release();
    let (when, lease) = waiter.await.unwrap().unwrap();
    assert_eq!(when, start);
    tokio::time::sleep(4 * SECOND).await;
    assert_eq!(pool.now(), (1, 1, 0, 0));
    lease.release();
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_that_does_not_fit_makes_room_at_the_cap() {
    let pool = pool(0, 1, 1);
    pool.acquire(&1).await.unwrap().release();
    let other = pool.acquire(&2).await.unwrap();
    settle().await;
    assert_eq!(
        (other.kind, pool.open(), pool.snapshot().counters.evicted),
        (2, 1, 1)
    );
    assert_eq!(
        pool.backend.most.load(Ordering::SeqCst),
        1,
        "closed before the other is opened"
    );
}

#[tokio::test(start_paused = true)]
async fn few_are_opened_at_the_same_time() {
    let pool = pool(0, 10, 2);
    *pool.backend.takes.lock() = SECOND;
    let waiters: Vec<_> = (0..6)
        .map(|_| {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.acquire(&1).await })
        })
        .collect();
    settle().await;
    assert_eq!(pool.now(), (0, 0, 2, 6));
    let mut leases = Vec::new();
    for waiter in waiters {
        leases.push(waiter.await.unwrap().unwrap());
    }
    assert_eq!(pool.open(), 6);
}

#[tokio::test(start_paused = true)]
async fn who_is_denied_is_told_at_once_and_others_are_not() {
    let pool = pool(0, 2, 2);
    let start = Instant::now();
    let error = pool.acquire(&DENIED).await.unwrap_err();
    assert!(matches!(error, AcquireError::Denied(_)), "{error}");
    pool.acquire(&1).await.unwrap().release();
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_short_absence_is_waited_for_with_growing_pauses() {
    let pool = pool(0, 2, 2);
    tokio::spawn(Arc::clone(&pool).keep());
    pool.backend.away.store(true, Ordering::SeqCst);
    let waiter = tokio::spawn({
        let pool = Arc::clone(&pool);
        async move { pool.acquire(&1).await.map(Lease::release) }
    });
    tokio::time::sleep(4 * SECOND).await;
    let tries = pool.backend.connects.load(Ordering::SeqCst);
    assert!((3..=10).contains(&tries), "{tries}");
    pool.backend.away.store(false, Ordering::SeqCst);
    waiter.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_long_absence_is_told_with_its_cause() {
    let pool = pool(0, 2, 2);
    tokio::spawn(Arc::clone(&pool).keep());
    pool.backend.away.store(true, Ordering::SeqCst);
    let error = pool.acquire(&1).await.unwrap_err();
    assert!(error.to_string().ends_with("refused"), "{error}");
    let start = Instant::now();
    // The absence is known to be long: the next failure is told without the whole wait.
    while !matches!(pool.acquire(&1).await.unwrap_err(), AcquireError::Away(_)) {}
    assert!(start.elapsed() <= 20 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_hangs_gives_its_slot_back() {
    let pool = pool(0, 1, 1);
    *pool.backend.takes.lock() = 60 * SECOND;
    let waiter = tokio::spawn({
        let pool = Arc::clone(&pool);
        async move { pool.acquire(&1).await.map(Lease::release) }
    });
    tokio::time::sleep(6 * SECOND).await;
    assert_eq!(pool.snapshot().counters.failed, 1);
    *pool.backend.takes.lock() = Duration::ZERO;
    tokio::spawn(Arc::clone(&pool).keep());
    waiter.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn dead_and_old_connections_are_not_handed_out() {
    let pool = pool(0, 2, 2);
    pool.acquire(&1).await.unwrap().release();
    pool.backend.alive.store(false, Ordering::SeqCst);
    let other = pool.acquire(&1).await.unwrap();
    assert_eq!(pool.snapshot().counters.opened, 2);
    pool.backend.alive.store(true, Ordering::SeqCst);
    other.release();
    tokio::time::advance(4000 * SECOND).await;
    pool.acquire(&1).await.unwrap().release();
    assert_eq!(pool.snapshot().counters.opened, 3);
}

#[tokio::test(start_paused = true)]
async fn the_warm_minimum_is_kept_and_the_spare_is_closed() {
    let pool = pool(1, 4, 4);
    tokio::spawn(Arc::clone(&pool).keep());
    tokio::time::sleep(SECOND).await;
    assert_eq!(pool.now(), (0, 1, 0, 0));
    let leases = [
        pool.acquire(&1).await,
        pool.acquire(&1).await,
        pool.acquire(&1).await,
    ];
    leases.into_iter().for_each(|lease| lease.unwrap().release());
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(pool.now().1, 3);
    tokio::time::sleep(602 * SECOND).await;
    assert_eq!((pool.now().1, pool.open()), (1, 1));
    // One that dies is noticed while idle, and replaced.
    pool.backend.alive.store(false, Ordering::SeqCst);
    tokio::time::sleep(2 * SECOND).await;
    pool.backend.alive.store(true, Ordering::SeqCst);
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!((pool.now().1, pool.open()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn other_servers_and_a_lower_cap_retire_connections_as_they_come_back() {
    let pool = pool(0, 4, 4);
    let (one, two) = (pool.acquire(&1).await.unwrap(), pool.acquire(&1).await.unwrap());
    pool.reconnect();
    one.release();
    drop(two);
    settle().await;
    assert_eq!(pool.open(), 0);
    let (one, two) = (pool.acquire(&1).await.unwrap(), pool.acquire(&1).await.unwrap());
    let sizes = Sizes {
        max: 1,
        ..pool.core.lock().sizes
    };
    pool.resize(sizes);
    one.release();
    two.release();
    settle().await;
    assert_eq!(pool.open(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_pause_waits_for_those_under_way_and_holds_the_others() {
    let pool = pool(0, 2, 2);
    let held = pool.acquire(&1).await.unwrap();
    let pause = tokio::spawn({
        let pool = Arc::clone(&pool);
        async move { pool.pause().await }
    });
    settle().await;
    assert!(!pause.is_finished());
    let waiter = tokio::spawn({
        let pool = Arc::clone(&pool);
        async move { pool.acquire(&1).await.map(Lease::release) }
    });
    settle().await;
    held.release();
    pause.await.unwrap();
    settle().await;
    assert_eq!(pool.now(), (0, 1, 0, 1));
    pool.resume();
    waiter.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_closed_pool_tells_those_who_wait_and_closes_what_comes_back() {
    let pool = pool(0, 1, 1);
    let held = pool.acquire(&1).await.unwrap();
    let waiter = tokio::spawn({
        let pool = Arc::clone(&pool);
        async move { pool.acquire(&1).await.map(Lease::release) }
    });
    settle().await;
    pool.close();
    assert!(matches!(waiter.await.unwrap(), Err(AcquireError::Closed)));
    assert!(matches!(pool.acquire(&1).await, Err(AcquireError::Closed)));
    held.release();
    settle().await;
    assert_eq!(pool.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_bounded() {
    let pool = pool(0, 1, 1);
    let _held = pool.acquire(&1).await.unwrap();
    let sizes = Sizes {
        queue_max: 0,
        ..pool.core.lock().sizes
    };
    pool.resize(sizes);
    assert!(matches!(pool.acquire(&1).await, Err(AcquireError::Full)));
}
