use super::testing::{ask, entry};
use super::*;

fn terms(urls: usize) -> Option<Terms> {
    Some(Terms {
        urls,
        concurrent: 1,
        origin: None,
    })
}

#[test]
fn few_requests_are_all_counted_and_many_by_samples_that_stand_for_them() {
    let site = SiteRefresh::new("site");
    let counted: u64 = (0..ALL).filter_map(|_| site.count()).sum();
    assert_eq!(counted, ALL);
    let samples: Vec<u64> = (0..ONE_IN * 10).filter_map(|_| site.count()).collect();
    assert_eq!(samples, [ONE_IN; 10]);
}

#[test]
fn a_site_that_allows_nothing_takes_nothing_up() {
    let refresher = Refresher::default();
    let site = refresher.site("site");
    site.note(1, &entry("/a", 1, &[]), || ask("/a"));
    assert_eq!(site.take_up(PurgeSeq(2), |_| true), queue::Added::default());
}

#[test]
fn a_site_stays_what_it_is_under_another_configuration_until_it_is_turned_off() {
    let refresher = Refresher::default();
    let site = refresher.site("site");
    refresher.renew(|_| terms(2));
    for path in ["/a", "/b", "/c"] {
        site.note(1, &entry(path, 1, &[]), || ask(path));
    }
    refresher.renew(|_| terms(1));
    assert!(Arc::ptr_eq(&site, &refresher.site("site")));
    assert!(site.take_up(PurgeSeq(2), |_| true).start);
    assert_eq!(site.queue().lock().len(), 1);
    refresher.renew(|_| None);
    assert!(site.terms().is_none());
    assert!(refresher.sites().is_empty());
}

#[test]
fn the_usual_time_follows_slowly() {
    let site = SiteRefresh::new("site");
    assert_eq!(site.usual(), None);
    site.note_time(Duration::from_millis(80));
    assert_eq!(site.usual(), Some(Duration::from_millis(80)));
    site.note_time(Duration::from_millis(160));
    assert_eq!(site.usual(), Some(Duration::from_millis(90)));
}
