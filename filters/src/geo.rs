//! Where a visitor is, as far as the configured sources know.

use std::fmt;

/// What the geo sources say about one address; every field may be unknown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GeoRecord {
    /// ISO 3166-1 alpha-2 code, or `T1` for a Tor exit.
    pub country: Option<CountryCode>,
    /// City name, UTF-8.
    pub city: Option<String>,
    /// Two-letter continent code.
    pub continent: Option<CountryCode>,
    /// Degrees, -90..=90.
    pub latitude: Option<f64>,
    /// Degrees, -180..=180.
    pub longitude: Option<f64>,
    /// Name of the first-level region, UTF-8.
    pub region: Option<String>,
    /// ISO 3166-2 code of that region without the country.
    pub region_code: Option<String>,
    /// Metro (DMA) code.
    pub metro_code: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// IANA time zone.
    pub timezone: Option<String>,
    /// Autonomous system number.
    pub asn: Option<u32>,
}

impl GeoRecord {
    /// Fills every field that is unknown here from `other`.
    pub fn fill_from(&mut self, other: Self) {
        fn fill<T>(mine: &mut Option<T>, theirs: Option<T>) {
            if mine.is_none() {
                *mine = theirs;
            }
        }
        fill(&mut self.country, other.country);
        fill(&mut self.city, other.city);
        fill(&mut self.continent, other.continent);
        let incomplete = self.latitude.is_none() || self.longitude.is_none();
        // Half a position of one source and half of another would be a third place.
        if incomplete && other.latitude.is_some() && other.longitude.is_some() {
            (self.latitude, self.longitude) = (other.latitude, other.longitude);
        }
        fill(&mut self.region, other.region);
        fill(&mut self.region_code, other.region_code);
        fill(&mut self.metro_code, other.metro_code);
        fill(&mut self.postal_code, other.postal_code);
        fill(&mut self.timezone, other.timezone);
        fill(&mut self.asn, other.asn);
    }

    /// Whether no field is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Two upper-case ASCII letters or digits, the first a letter: a country (`VN`, `XX`, `T1`) or a continent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CountryCode([u8; 2]);

impl CountryCode {
    /// `XX`: the address is in no database.
    pub const UNKNOWN: Self = Self(*b"XX");
    /// `T1`: a Tor exit.
    pub const TOR: Self = Self(*b"T1");

    /// Reads two letters in either case, or `T1`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [first, second] if first.is_ascii_alphabetic() && second.is_ascii_alphabetic() => {
                Some(Self([first.to_ascii_uppercase(), second.to_ascii_uppercase()]))
            }
            b"T1" | b"t1" => Some(Self::TOR),
            _ => None,
        }
    }

    /// The two characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XX")
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_code_is_two_letters_or_t1() {
        assert_eq!(
            CountryCode::parse("vn").map(|c| c.to_string()).as_deref(),
            Some("VN")
        );
        assert_eq!(CountryCode::parse("T1"), Some(CountryCode::TOR));
        for wrong in ["", "V", "VNM", "1T", "V ", "ü", "日"] {
            assert_eq!(CountryCode::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn fields_are_filled_one_by_one_and_positions_as_pairs() {
        let mut mine = GeoRecord {
            city: Some("Hanoi".into()),
            latitude: Some(1.0),
            ..GeoRecord::default()
        };
        mine.fill_from(GeoRecord {
            city: Some("Paris".into()),
            country: CountryCode::parse("FR"),
            latitude: Some(48.0),
            longitude: Some(2.0),
            ..GeoRecord::default()
        });
        assert_eq!(mine.city.as_deref(), Some("Hanoi"));
        assert_eq!(mine.country, CountryCode::parse("FR"));
        assert_eq!((mine.latitude, mine.longitude), (Some(48.0), Some(2.0)));
    }
}
