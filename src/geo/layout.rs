//! Reads a record of any vendor's layout in one pass, borrowing from the database.
//!
//! MaxMind and DB-IP nest (`country.iso_code`, `city.names.en`), IPinfo and others are flat (`country`,
//! `city`, `asn: "AS123"`). What a key means depends on where it stands: [`Place::below`] is that table. Keys
//! that are not in it are skipped without being decoded.

use std::borrow::Cow;
use std::fmt;

use popgate_filters::{CountryCode, GeoRecord};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::mmdb::Offers;

/// Longest text taken from a database, in bytes; longer ones are no names.
const TEXT_MAX: usize = 256;

/// What a record says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fields<'d> {
    country: Option<CountryCode>,
    /// Where the network is registered: for networks whose users are all over the world.
    registered: Option<CountryCode>,
    continent: Option<CountryCode>,
    city: Option<Cow<'d, str>>,
    region: Option<Cow<'d, str>>,
    region_code: Option<Cow<'d, str>>,
    metro_code: Option<Cow<'d, str>>,
    postal_code: Option<Cow<'d, str>>,
    timezone: Option<Cow<'d, str>>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    asn: Option<u32>,
    tor: Option<bool>,
}

/// Where in a record a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    Country,
    Registered,
    Continent,
    City,
    CityNames,
    Regions,
    Region,
    RegionNames,
    RegionCode,
    Location,
    LatLon,
    Latitude,
    Longitude,
    MetroCode,
    Postal,
    Timezone,
    Asn,
    Traits,
    Tor,
}

impl Place {
    /// What `key` means here.
    fn below(self, key: &str) -> Option<Self> {
        Some(match (self, key) {
            (Self::Top, "country" | "country_code" | "country_iso_code") => Self::Country,
            (Self::Top, "registered_country") => Self::Registered,
            (Self::Top, "continent" | "continent_code") => Self::Continent,
            (Self::Top, "city" | "city_name") => Self::City,
            (Self::Top, "subdivisions") => Self::Regions,
            (Self::Top, "region" | "region_name" | "state1") => Self::Region,
            (Self::Top, "region_code") => Self::RegionCode,
            (Self::Top, "location") => Self::Location,
            (Self::Top, "loc") => Self::LatLon,
            (Self::Top | Self::Location, "latitude" | "lat") => Self::Latitude,
            (Self::Top | Self::Location, "longitude" | "lng" | "lon") => Self::Longitude,
            (Self::Top | Self::Location, "time_zone" | "timezone") => Self::Timezone,
            (Self::Top | Self::Location, "metro_code" | "dma_code") => Self::MetroCode,
            (Self::Top, "postal" | "postal_code" | "postcode" | "zip" | "zip_code") => Self::Postal,
            (Self::Top, "traits") => Self::Traits,
            (Self::Top | Self::Traits, "autonomous_system_number" | "asn" | "as_number") => Self::Asn,
            (Self::Top | Self::Traits, "is_tor_exit_node" | "is_tor" | "tor") => Self::Tor,
            (Self::Country, "iso_code" | "code") => Self::Country,
            (Self::Registered, "iso_code") => Self::Registered,
            (Self::Continent, "code") => Self::Continent,
            (Self::City, "names") => Self::CityNames,
            (Self::CityNames, "en") | (Self::City, "name") => Self::City,
            (Self::Region, "names") => Self::RegionNames,
            (Self::RegionNames, "en") | (Self::Region, "name") => Self::Region,
            (Self::Region, "iso_code" | "code") => Self::RegionCode,
            (Self::Postal, "code") => Self::Postal,
            (Self::Asn, "asn" | "number") => Self::Asn,
            _ => return None,
        })
    }
}

impl<'d> Fields<'d> {
    /// Fills what is unknown here from a database that is asked later; a Tor exit known to either is one.
    pub fn fill_from(&mut self, other: Self) {
        fn fill<T>(mine: &mut Option<T>, theirs: Option<T>) {
            if mine.is_none() {
                *mine = theirs;
            }
        }
        let no_position = self.latitude.is_none() || self.longitude.is_none();
        if no_position && other.latitude.is_some() && other.longitude.is_some() {
            (self.latitude, self.longitude) = (other.latitude, other.longitude);
        }
        fill(&mut self.country, other.country);
        fill(&mut self.registered, other.registered);
        fill(&mut self.continent, other.continent);
        fill(&mut self.city, other.city);
        fill(&mut self.region, other.region);
        fill(&mut self.region_code, other.region_code);
        fill(&mut self.metro_code, other.metro_code);
        fill(&mut self.postal_code, other.postal_code);
        fill(&mut self.timezone, other.timezone);
        fill(&mut self.asn, other.asn);
        if other.tor == Some(true) {
            self.tor = other.tor;
        }
    }

    /// The record as filters see it.
    #[must_use]
    pub fn into_record(self) -> GeoRecord {
        let owned = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        GeoRecord {
            country: match self.tor {
                Some(true) => Some(CountryCode::TOR),
                _ => self.country.or(self.registered),
            },
            city: owned(self.city),
            continent: self.continent,
            latitude: self.latitude,
            longitude: self.longitude,
            region: owned(self.region),
            region_code: owned(self.region_code),
            metro_code: owned(self.metro_code),
            postal_code: owned(self.postal_code),
            timezone: owned(self.timezone),
            asn: self.asn,
        }
    }

    /// Adds what this record shows its database to know.
    pub fn note_offers(&self, offers: &mut Offers) {
        offers.country |= self.country.is_some() || self.registered.is_some();
        offers.place |= self.city.is_some()
            || self.region.is_some()
            || self.latitude.is_some()
            || self.postal_code.is_some()
            || self.timezone.is_some();
        offers.asn |= self.asn.is_some();
        offers.tor |= self.tor.is_some();
    }

    fn text(&mut self, place: Place, text: Cow<'d, str>) {
        let text = match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            owned @ Cow::Owned(_) => owned,
        };
        if text.is_empty() || text.len() > TEXT_MAX {
            return;
        }
        match place {
            Place::Country => keep(&mut self.country, CountryCode::parse(&text)),
            Place::Registered => keep(&mut self.registered, CountryCode::parse(&text)),
            Place::Continent => keep(&mut self.continent, continent(&text)),
            Place::City => keep(&mut self.city, Some(text)),
            Place::Region => keep(&mut self.region, Some(text)),
            Place::RegionCode => keep(&mut self.region_code, Some(text)),
            Place::MetroCode => keep(&mut self.metro_code, Some(text)),
            Place::Postal => keep(&mut self.postal_code, Some(text)),
            Place::Timezone => keep(&mut self.timezone, Some(text)),
            Place::LatLon => {
                let (latitude, longitude) = text.split_once(',').unwrap_or_default();
                self.degrees(Place::Latitude, latitude);
                self.degrees(Place::Longitude, longitude);
            }
            Place::Latitude | Place::Longitude => self.degrees(place, &text),
            Place::Asn => keep(&mut self.asn, asn(&text)),
            Place::Tor => keep(&mut self.tor, Some(matches!(&*text, "true" | "1" | "yes"))),
            _ => {}
        }
    }

    fn whole(&mut self, place: Place, number: u64) {
        match place {
            Place::MetroCode | Place::Postal | Place::RegionCode if number > 0 => {
                self.text(place, Cow::Owned(number.to_string()));
            }
            Place::Asn => keep(&mut self.asn, u32::try_from(number).ok().filter(|asn| *asn > 0)),
            Place::Tor => keep(&mut self.tor, Some(number != 0)),
            #[expect(clippy::cast_precision_loss, reason = "degrees are small")]
            _ => self.number(place, number as f64),
        }
    }

    fn degrees(&mut self, place: Place, text: &str) {
        if let Ok(degrees) = text.trim().parse() {
            self.number(place, degrees);
        }
    }

    fn number(&mut self, place: Place, number: f64) {
        match place {
            Place::Latitude if number.abs() <= 90.0 => keep(&mut self.latitude, Some(number)),
            Place::Longitude if number.abs() <= 180.0 => keep(&mut self.longitude, Some(number)),
            _ => {}
        }
    }

    fn flag(&mut self, place: Place, flag: bool) {
        if place == Place::Tor {
            keep(&mut self.tor, Some(flag));
        }
    }
}

/// The first value that makes sense counts: flat layouts name a country twice, as a name and as a code.
fn keep<T>(field: &mut Option<T>, value: Option<T>) {
    if field.is_none() {
        *field = value;
    }
}

/// `AS123` or `123`.
fn asn(text: &str) -> Option<u32> {
    let digits = match text.get(..2) {
        Some(prefix) if prefix.eq_ignore_ascii_case("as") => &text[2..],
        _ => text,
    };
    digits.parse().ok().filter(|asn| *asn > 0)
}

/// A continent by its code or its English name.
fn continent(text: &str) -> Option<CountryCode> {
    let code = match text {
        "Africa" => "AF",
        "Antarctica" => "AN",
        "Asia" => "AS",
        "Europe" => "EU",
        "North America" => "NA",
        "Oceania" => "OC",
        "South America" => "SA",
        other => other,
    };
    CountryCode::parse(code)
}

impl<'d> Deserialize<'d> for Fields<'d> {
    fn deserialize<D: Deserializer<'d>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Self::default();
        deserializer.deserialize_any(Step {
            fields: &mut fields,
            place: Place::Top,
        })?;
        Ok(fields)
    }
}

/// Puts one value of a record where it belongs.
struct Step<'f, 'd> {
    fields: &'f mut Fields<'d>,
    place: Place,
}

impl<'d> DeserializeSeed<'d> for Step<'_, 'd> {
    type Value = ();

    fn deserialize<D: Deserializer<'d>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'d> Visitor<'d> for Step<'_, 'd> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a geo record")
    }

    fn visit_map<A: MapAccess<'d>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<&str>()? {
            match self.place.below(key) {
                Some(place) => map.next_value_seed(Step {
                    fields: self.fields,
                    place,
                })?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'d>>(self, mut seq: A) -> Result<(), A::Error> {
        if self.place == Place::Regions {
            // The first is the widest: a country's direct part.
            seq.next_element_seed(Step {
                fields: self.fields,
                place: Place::Region,
            })?;
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_borrowed_str<E>(self, text: &'d str) -> Result<(), E> {
        self.fields.text(self.place, Cow::Borrowed(text));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.fields.text(self.place, Cow::Owned(text.trim().to_owned()));
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.fields.whole(self.place, number);
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        match u64::try_from(number) {
            Ok(number) => self.fields.whole(self.place, number),
            #[expect(clippy::cast_precision_loss, reason = "degrees are small")]
            Err(_) => self.fields.number(self.place, number as f64),
        }
        Ok(())
    }

    fn visit_u128<E>(self, _number: u128) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.fields.number(self.place, number);
        Ok(())
    }

    fn visit_bool<E>(self, flag: bool) -> Result<(), E> {
        self.fields.flag(self.place, flag);
        Ok(())
    }

    fn visit_bytes<E>(self, _bytes: &[u8]) -> Result<(), E> {
        Ok(())
    }
}
