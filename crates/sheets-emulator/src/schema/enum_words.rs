//! The words of the enums of the API, by the member that holds one.
//!
//! In scope: enums of what the emulator stores or obeys. Out of scope: query parameters (`enums`),
//! enums of charts and tables, whose words are taken as they come.

/// Returns the enum type of the member at the end of a path, and its words.
pub(crate) fn find_enum_words(path: &str) -> Option<(&'static str, &'static [&'static str])> {
    let mut members = path.rsplit('.');
    let (last, parent) = (members.next()?, members.next().unwrap_or_default());
    Some(match last {
        "dimension" | "shift_dimension" => ("Dimension", &["DIMENSION_UNSPECIFIED", "ROWS", "COLUMNS"]),
        "merge_type" => ("MergeCellsRequest.MergeType", &["MERGE_ALL", "MERGE_COLUMNS", "MERGE_ROWS"]),
        "paste_orientation" => ("PasteOrientation", &["NORMAL", "TRANSPOSE"]),
        "paste_type" => ("PasteType", PASTE_TYPES),
        "sort_order" => ("SortOrder", &["SORT_ORDER_UNSPECIFIED", "ASCENDING", "DESCENDING"]),
        "style" => ("Style", STYLES),
        "horizontal_alignment" => ("HorizontalAlign", &["HORIZONTAL_ALIGN_UNSPECIFIED", "LEFT", "CENTER", "RIGHT"]),
        "vertical_alignment" => ("VerticalAlign", &["VERTICAL_ALIGN_UNSPECIFIED", "TOP", "MIDDLE", "BOTTOM"]),
        "wrap_strategy" => {
            ("WrapStrategy", &["WRAP_STRATEGY_UNSPECIFIED", "OVERFLOW_CELL", "LEGACY_WRAP", "CLIP", "WRAP"])
        }
        "text_direction" => ("TextDirection", &["TEXT_DIRECTION_UNSPECIFIED", "LEFT_TO_RIGHT", "RIGHT_TO_LEFT"]),
        "hyperlink_display_type" => {
            ("HyperlinkDisplayType", &["HYPERLINK_DISPLAY_TYPE_UNSPECIFIED", "LINKED", "PLAIN_TEXT"])
        }
        "auto_recalc" => {
            ("RecalculationInterval", &["RECALCULATION_INTERVAL_UNSPECIFIED", "ON_CHANGE", "MINUTE", "HOUR"])
        }
        "visibility" => {
            ("DeveloperMetadataVisibility", &["DEVELOPER_METADATA_VISIBILITY_UNSPECIFIED", "DOCUMENT", "PROJECT"])
        }
        "theme_color" | "color_type" => ("ThemeColorType", THEME_COLORS),
        "delimiter_type" => ("DelimiterType", DELIMITER_TYPES),
        "type" if parent == "number_format" => ("NumberFormatType", NUMBER_FORMATS),
        "type" if parent == "condition" => ("ConditionType", CONDITIONS),
        _ => return None,
    })
}

const PASTE_TYPES: &[&str] = &[
    "PASTE_NORMAL",
    "PASTE_VALUES",
    "PASTE_FORMAT",
    "PASTE_NO_BORDERS",
    "PASTE_FORMULA",
    "PASTE_DATA_VALIDATION",
    "PASTE_CONDITIONAL_FORMATTING",
];

const STYLES: &[&str] =
    &["STYLE_UNSPECIFIED", "DOTTED", "DASHED", "SOLID", "SOLID_MEDIUM", "SOLID_THICK", "NONE", "DOUBLE"];

const THEME_COLORS: &[&str] = &[
    "THEME_COLOR_TYPE_UNSPECIFIED",
    "TEXT",
    "BACKGROUND",
    "ACCENT1",
    "ACCENT2",
    "ACCENT3",
    "ACCENT4",
    "ACCENT5",
    "ACCENT6",
    "LINK",
];

const DELIMITER_TYPES: &[&str] =
    &["DELIMITER_TYPE_UNSPECIFIED", "COMMA", "SEMICOLON", "PERIOD", "SPACE", "CUSTOM", "AUTODETECT"];

const NUMBER_FORMATS: &[&str] = &[
    "NUMBER_FORMAT_TYPE_UNSPECIFIED",
    "TEXT",
    "NUMBER",
    "PERCENT",
    "CURRENCY",
    "DATE",
    "TIME",
    "DATE_TIME",
    "SCIENTIFIC",
];

const CONDITIONS: &[&str] = &[
    "CONDITION_TYPE_UNSPECIFIED",
    "NUMBER_GREATER",
    "NUMBER_GREATER_THAN_EQ",
    "NUMBER_LESS",
    "NUMBER_LESS_THAN_EQ",
    "NUMBER_EQ",
    "NUMBER_NOT_EQ",
    "NUMBER_BETWEEN",
    "NUMBER_NOT_BETWEEN",
    "TEXT_CONTAINS",
    "TEXT_NOT_CONTAINS",
    "TEXT_STARTS_WITH",
    "TEXT_ENDS_WITH",
    "TEXT_EQ",
    "TEXT_IS_EMAIL",
    "TEXT_IS_URL",
    "DATE_EQ",
    "DATE_BEFORE",
    "DATE_AFTER",
    "DATE_ON_OR_BEFORE",
    "DATE_ON_OR_AFTER",
    "DATE_BETWEEN",
    "DATE_NOT_BETWEEN",
    "DATE_IS_VALID",
    "ONE_OF_RANGE",
    "ONE_OF_LIST",
    "BLANK",
    "NOT_BLANK",
    "CUSTOM_FORMULA",
    "BOOLEAN",
    "TEXT_NOT_EQ",
    "DATE_NOT_EQ",
    "FILTER_EXPRESSION",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_that_of_the_member_it_belongs_to() {
        let name = |path| find_enum_words(path).map(|(name, _)| name);
        assert_eq!(
            name("requests[0].repeat_cell.cell.user_entered_format.number_format.type"),
            Some("NumberFormatType")
        );
        assert_eq!(name("requests[0].set_data_validation.rule.condition.type"), Some("ConditionType"));
        assert_eq!(name("requests[0].paste_data.type"), None);
        assert_eq!(name("requests[0].update_borders.top.style"), Some("Style"));
    }
}
