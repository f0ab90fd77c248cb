//! Geo sources.

use super::{Absent::*, Kind::*, *};

/// `geo`.
pub static GEO: Table = Table {
    name: "geo",
    doc: "Where visitors are.",
    keys: &[
        key(
            "databases",
            List(&Path),
            Value("[]"),
            "mmdb files of any vendor (city, country, ASN), asked in order: the first that knows a field wins.",
        ),
        key(
            "networks",
            Named {
                names: "network",
                table: &NETWORK,
            },
            Nothing,
            "A table of your own, by network; wins over the databases and works without any. The longest prefix counts.",
        ),
        key(
            "reload_interval",
            DURATION,
            Value("10s"),
            "How often the database files are looked at; a replaced one is taken up without a restart.",
        ),
    ],
};

/// `geo.networks.<network>`.
pub static NETWORK: Table = Table {
    name: "geo.networks.<network>",
    doc: "What is known of a network. Every key is optional.",
    keys: &[
        key(
            "country",
            Text,
            Nothing,
            "ISO 3166-1 alpha-2 code, or `XX` (unknown), or `T1` (Tor).",
        ),
        key("city", Text, Nothing, "City name."),
        key(
            "continent",
            Choice(&["AF", "AN", "AS", "EU", "NA", "OC", "SA"]),
            Nothing,
            "Two-letter code of the continent.",
        ),
        key(
            "latitude",
            Decimal {
                min: -90.0,
                max: 90.0,
            },
            Nothing,
            "Degrees, north positive.",
        ),
        key(
            "longitude",
            Decimal {
                min: -180.0,
                max: 180.0,
            },
            Nothing,
            "Degrees, east positive.",
        ),
        key("region", Text, Nothing, "Name of the region."),
        key(
            "region_code",
            Text,
            Nothing,
            "ISO 3166-2 code without the country: 1 to 3 letters or digits.",
        ),
        key("metro_code", Text, Nothing, "Metro (DMA) code."),
        key("postal_code", Text, Nothing, "Postal code."),
        key(
            "timezone",
            Text,
            Nothing,
            "IANA time zone, such as `Asia/Ho_Chi_Minh`.",
        ),
        key(
            "asn",
            integer(1, 4_294_967_295),
            Nothing,
            "Autonomous system number.",
        ),
    ],
};
