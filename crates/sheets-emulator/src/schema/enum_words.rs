//! The words of the enums of the API, by the message and the member that hold one.
//!
//! In scope: enums of requests. Out of scope: query parameters (`enums`), enums of responses, of
//! data sources and of comments, whose words are taken as they come.

/// Returns the enum type of a member, and its words. A word also has its type's prefix, such as
/// `SORT_ORDER_UNSPECIFIED`.
pub(crate) fn find_enum_words(message: &str, member: &str) -> Option<(&'static str, &'static [&'static str])> {
    find_cell_enum(message, member).or_else(|| find_chart_enum(message, member))
}

/// Returns the enums of cells, of sheets and of requests about them.
fn find_cell_enum(message: &str, member: &str) -> Option<(&'static str, &'static [&'static str])> {
    Some(match (message, member) {
        (_, "dimension" | "shiftDimension") => ("Dimension", &["DIMENSION_UNSPECIFIED", "ROWS", "COLUMNS"]),
        (_, "mergeType") => ("MergeCellsRequest.MergeType", &["MERGE_ALL", "MERGE_COLUMNS", "MERGE_ROWS"]),
        (_, "pasteOrientation") => ("PasteOrientation", &["NORMAL", "TRANSPOSE"]),
        (_, "pasteType") | ("PasteDataRequest", "type") => ("PasteType", PASTE_TYPES),
        (_, "sortOrder") => ("SortOrder", &["SORT_ORDER_UNSPECIFIED", "ASCENDING", "DESCENDING"]),
        ("Border", "style") => ("Style", STYLES),
        (_, "horizontalAlignment") => ("HorizontalAlign", &["HORIZONTAL_ALIGN_UNSPECIFIED", "LEFT", "CENTER", "RIGHT"]),
        (_, "verticalAlignment") => ("VerticalAlign", &["VERTICAL_ALIGN_UNSPECIFIED", "TOP", "MIDDLE", "BOTTOM"]),
        (_, "wrapStrategy") => {
            ("WrapStrategy", &["WRAP_STRATEGY_UNSPECIFIED", "OVERFLOW_CELL", "LEGACY_WRAP", "CLIP", "WRAP"])
        }
        (_, "textDirection") => ("TextDirection", &["TEXT_DIRECTION_UNSPECIFIED", "LEFT_TO_RIGHT", "RIGHT_TO_LEFT"]),
        (_, "hyperlinkDisplayType") => {
            ("HyperlinkDisplayType", &["HYPERLINK_DISPLAY_TYPE_UNSPECIFIED", "LINKED", "PLAIN_TEXT"])
        }
        (_, "autoRecalc") => {
            ("RecalculationInterval", &["RECALCULATION_INTERVAL_UNSPECIFIED", "ON_CHANGE", "MINUTE", "HOUR"])
        }
        (_, "visibility") => {
            ("DeveloperMetadataVisibility", &["DEVELOPER_METADATA_VISIBILITY_UNSPECIFIED", "DOCUMENT", "PROJECT"])
        }
        (_, "locationType") => ("DeveloperMetadataLocationType", LOCATION_TYPES),
        (_, "locationMatchingStrategy") => ("DeveloperMetadataLocationMatchingStrategy", MATCHING_STRATEGIES),
        (_, "themeColor" | "colorType") => ("ThemeColorType", THEME_COLORS),
        (_, "delimiterType") => ("DelimiterType", DELIMITER_TYPES),
        (_, "sheetType") => ("SheetType", &["SHEET_TYPE_UNSPECIFIED", "GRID", "OBJECT", "DATA_SOURCE"]),
        ("NumberFormat", "type") => ("NumberFormatType", NUMBER_FORMATS),
        ("BooleanCondition", "type") => ("ConditionType", CONDITIONS),
        (_, "relativeDate") => ("RelativeDate", RELATIVE_DATES),
        ("InterpolationPoint", "type") => ("InterpolationPointType", INTERPOLATION_POINTS),
        ("ErrorValue", "type") => ("ErrorType", ERRORS),
        (_, "displayFormat") => ("DisplayFormat", DISPLAY_FORMATS),
        (_, "columnType") => ("ColumnType", COLUMN_TYPES),
        (_, "valueLayout") => ("PivotValueLayout", &["HORIZONTAL", "VERTICAL"]),
        (_, "summarizeFunction") => ("PivotStandardValueFunction", PIVOT_FUNCTIONS),
        (_, "calculatedDisplayType") => ("PivotValueCalculatedDisplayType", PIVOT_DISPLAYS),
        ("DateTimeRule", "type") => ("DateTimeRuleType", DATE_TIME_RULES),
        _ => return None,
    })
}

/// Returns the enums of charts.
fn find_chart_enum(message: &str, member: &str) -> Option<(&'static str, &'static [&'static str])> {
    Some(match (message, member) {
        ("BasicChartSpec", "chartType") | ("BasicChartSeries", "type") => ("BasicChartType", CHART_TYPES),
        ("BasicChartSpec", "stackedType") => {
            let words = &["BASIC_CHART_STACKED_TYPE_UNSPECIFIED", "NOT_STACKED", "STACKED", "PERCENT_STACKED"];
            ("BasicChartStackedType", words)
        }
        (_, "compareMode") => ("BasicChartCompareMode", &["BASIC_CHART_COMPARE_MODE_UNSPECIFIED", "DATUM", "CATEGORY"]),
        ("BasicChartAxis", "position") | ("BasicChartSeries", "targetAxis") => ("BasicChartAxisPosition", AXES),
        ("BasicChartSpec", "legendPosition") => ("BasicChartLegendPosition", BASIC_LEGENDS),
        ("BubbleChartSpec", "legendPosition") => ("BubbleChartLegendPosition", BUBBLE_LEGENDS),
        ("HistogramChartSpec", "legendPosition") => ("HistogramChartLegendPosition", HISTOGRAM_LEGENDS),
        ("PieChartSpec", "legendPosition") => ("PieChartLegendPosition", PIE_LEGENDS),
        (_, "comparisonType") => {
            ("ComparisonType", &["COMPARISON_TYPE_UNDEFINED", "ABSOLUTE_DIFFERENCE", "PERCENTAGE_DIFFERENCE"])
        }
        (_, "viewWindowMode") => {
            let words = &["DEFAULT_VIEW_WINDOW_MODE", "VIEW_WINDOW_MODE_UNSUPPORTED", "EXPLICIT", "PRETTY"];
            ("ViewWindowMode", words)
        }
        (_, "aggregateType") => ("ChartAggregateType", AGGREGATES),
        ("ChartDateTimeRule", "type") => ("ChartDateTimeRuleType", CHART_DATE_TIME_RULES),
        (_, "hiddenDimensionStrategy") => ("ChartHiddenDimensionStrategy", HIDDEN_DIMENSIONS),
        ("DataLabel", "placement") => ("DataLabelPlacement", LABEL_PLACEMENTS),
        ("DataLabel", "type") => ("DataLabelType", &["DATA_LABEL_TYPE_UNSPECIFIED", "NONE", "DATA", "CUSTOM"]),
        ("LineStyle", "type") => ("LineDashType", LINE_DASHES),
        ("PointStyle", "shape") => ("PointShape", POINT_SHAPES),
        (_, "numberFormatSource") => {
            ("ChartNumberFormatSource", &["CHART_NUMBER_FORMAT_SOURCE_UNDEFINED", "FROM_DATA", "CUSTOM"])
        }
        (_, "nodeSize") => ("OrgChartLabelSize", &["ORG_CHART_LABEL_SIZE_UNSPECIFIED", "SMALL", "MEDIUM", "LARGE"]),
        ("WaterfallChartSpec", "stackedType") => {
            ("WaterfallStackedType", &["WATERFALL_STACKED_TYPE_UNSPECIFIED", "STACKED", "SEQUENTIAL"])
        }
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

const LOCATION_TYPES: &[&str] =
    &["DEVELOPER_METADATA_LOCATION_TYPE_UNSPECIFIED", "ROW", "COLUMN", "SHEET", "SPREADSHEET"];

const MATCHING_STRATEGIES: &[&str] =
    &["DEVELOPER_METADATA_LOCATION_MATCHING_STRATEGY_UNSPECIFIED", "EXACT_LOCATION", "INTERSECTING_LOCATION"];

const RELATIVE_DATES: &[&str] =
    &["RELATIVE_DATE_UNSPECIFIED", "PAST_YEAR", "PAST_MONTH", "PAST_WEEK", "YESTERDAY", "TODAY", "TOMORROW"];

const INTERPOLATION_POINTS: &[&str] =
    &["INTERPOLATION_POINT_TYPE_UNSPECIFIED", "MIN", "MAX", "NUMBER", "PERCENT", "PERCENTILE"];

const ERRORS: &[&str] = &[
    "ERROR_TYPE_UNSPECIFIED",
    "ERROR",
    "NULL_VALUE",
    "DIVIDE_BY_ZERO",
    "VALUE",
    "REF",
    "NAME",
    "NUM",
    "N_A",
    "LOADING",
];

const DISPLAY_FORMATS: &[&str] = &["DISPLAY_FORMAT_UNSPECIFIED", "DEFAULT", "LAST_NAME_COMMA_FIRST_NAME", "EMAIL"];

const COLUMN_TYPES: &[&str] = &[
    "COLUMN_TYPE_UNSPECIFIED",
    "DOUBLE",
    "CURRENCY",
    "PERCENT",
    "DATE",
    "TIME",
    "DATE_TIME",
    "TEXT",
    "BOOLEAN",
    "DROPDOWN",
    "FILES_CHIP",
    "PEOPLE_CHIP",
    "FINANCE_CHIP",
    "PLACE_CHIP",
    "RATINGS_CHIP",
];

const PIVOT_FUNCTIONS: &[&str] = &[
    "PIVOT_STANDARD_VALUE_FUNCTION_UNSPECIFIED",
    "SUM",
    "COUNTA",
    "COUNT",
    "COUNTUNIQUE",
    "AVERAGE",
    "MAX",
    "MIN",
    "MEDIAN",
    "PRODUCT",
    "STDEV",
    "STDEVP",
    "VAR",
    "VARP",
    "CUSTOM",
    "NONE",
];

const PIVOT_DISPLAYS: &[&str] = &[
    "PIVOT_VALUE_CALCULATED_DISPLAY_TYPE_UNSPECIFIED",
    "PERCENT_OF_ROW_TOTAL",
    "PERCENT_OF_COLUMN_TOTAL",
    "PERCENT_OF_GRAND_TOTAL",
];

const DATE_TIME_RULES: &[&str] = &[
    "DATE_TIME_RULE_TYPE_UNSPECIFIED",
    "SECOND",
    "MINUTE",
    "HOUR",
    "HOUR_MINUTE",
    "HOUR_MINUTE_AMPM",
    "DAY_OF_WEEK",
    "DAY_OF_YEAR",
    "DAY_OF_MONTH",
    "DAY_MONTH",
    "MONTH",
    "QUARTER",
    "YEAR",
    "YEAR_MONTH",
    "YEAR_QUARTER",
    "YEAR_MONTH_DAY",
];

const CHART_DATE_TIME_RULES: &[&str] = &[
    "CHART_DATE_TIME_RULE_TYPE_UNSPECIFIED",
    "SECOND",
    "MINUTE",
    "HOUR",
    "HOUR_MINUTE",
    "HOUR_MINUTE_AMPM",
    "DAY_OF_WEEK",
    "DAY_OF_YEAR",
    "DAY_OF_MONTH",
    "DAY_MONTH",
    "MONTH",
    "QUARTER",
    "YEAR",
    "YEAR_MONTH",
    "YEAR_QUARTER",
    "YEAR_MONTH_DAY",
];

const CHART_TYPES: &[&str] =
    &["BASIC_CHART_TYPE_UNSPECIFIED", "BAR", "LINE", "AREA", "COLUMN", "SCATTER", "COMBO", "STEPPED_AREA"];

const AXES: &[&str] = &["BASIC_CHART_AXIS_POSITION_UNSPECIFIED", "BOTTOM_AXIS", "LEFT_AXIS", "RIGHT_AXIS"];

const BASIC_LEGENDS: &[&str] = &[
    "BASIC_CHART_LEGEND_POSITION_UNSPECIFIED",
    "BOTTOM_LEGEND",
    "LEFT_LEGEND",
    "RIGHT_LEGEND",
    "TOP_LEGEND",
    "NO_LEGEND",
    "INSIDE_LEGEND",
];

const BUBBLE_LEGENDS: &[&str] = &[
    "BUBBLE_CHART_LEGEND_POSITION_UNSPECIFIED",
    "BOTTOM_LEGEND",
    "LEFT_LEGEND",
    "RIGHT_LEGEND",
    "TOP_LEGEND",
    "NO_LEGEND",
    "INSIDE_LEGEND",
];

const HISTOGRAM_LEGENDS: &[&str] = &[
    "HISTOGRAM_CHART_LEGEND_POSITION_UNSPECIFIED",
    "BOTTOM_LEGEND",
    "LEFT_LEGEND",
    "RIGHT_LEGEND",
    "TOP_LEGEND",
    "NO_LEGEND",
    "INSIDE_LEGEND",
];

const PIE_LEGENDS: &[&str] = &[
    "PIE_CHART_LEGEND_POSITION_UNSPECIFIED",
    "BOTTOM_LEGEND",
    "LEFT_LEGEND",
    "RIGHT_LEGEND",
    "TOP_LEGEND",
    "NO_LEGEND",
    "LABELED_LEGEND",
];

const AGGREGATES: &[&str] = &["CHART_AGGREGATE_TYPE_UNSPECIFIED", "AVERAGE", "COUNT", "MAX", "MEDIAN", "MIN", "SUM"];

const HIDDEN_DIMENSIONS: &[&str] = &[
    "CHART_HIDDEN_DIMENSION_STRATEGY_UNSPECIFIED",
    "SKIP_HIDDEN_ROWS_AND_COLUMNS",
    "SKIP_HIDDEN_ROWS",
    "SKIP_HIDDEN_COLUMNS",
    "SHOW_ALL",
];

const LABEL_PLACEMENTS: &[&str] = &[
    "DATA_LABEL_PLACEMENT_UNSPECIFIED",
    "CENTER",
    "LEFT",
    "RIGHT",
    "ABOVE",
    "BELOW",
    "INSIDE_END",
    "INSIDE_BASE",
    "OUTSIDE_END",
];

const LINE_DASHES: &[&str] = &[
    "LINE_DASH_TYPE_UNSPECIFIED",
    "INVISIBLE",
    "CUSTOM",
    "SOLID",
    "DOTTED",
    "MEDIUM_DASHED",
    "MEDIUM_DASHED_DOTTED",
    "LONG_DASHED",
    "LONG_DASHED_DOTTED",
];

const POINT_SHAPES: &[&str] =
    &["POINT_SHAPE_UNSPECIFIED", "CIRCLE", "DIAMOND", "HEXAGON", "PENTAGON", "SQUARE", "STAR", "TRIANGLE", "X_MARK"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::message_types::{FieldKind, list_members};

    #[test]
    fn a_type_is_that_of_the_message_it_belongs_to() {
        let name = |message, member| find_enum_words(message, member).map(|(name, _)| name);
        assert_eq!(name("NumberFormat", "type"), Some("NumberFormatType"));
        assert_eq!(name("BooleanCondition", "type"), Some("ConditionType"));
        assert_eq!(name("PasteDataRequest", "type"), Some("PasteType"));
        assert_eq!(name("Border", "style"), Some("Style"));
        assert_eq!(name("PieChartSpec", "legendPosition"), Some("PieChartLegendPosition"));
    }

    /// What is left out is named in the head of this file.
    #[test]
    fn every_enum_of_a_request_has_its_words() {
        let is_query = |name: &str| name.ends_with("RenderOption") || name.ends_with("InputOption");
        let is_left = |message: &str, name: &str| {
            is_query(name)
                || name == "majorDimension"
                || message.starts_with("DataSource")
                || ["DataExecutionStatus", "RefreshCancellationStatus", "Post", "CommentThread"].contains(&message)
                || name.starts_with("comment")
        };
        let mut missing: Vec<String> = list_members()
            .filter(|(message, name, known)| known.kind == FieldKind::Choice && !is_left(message, name))
            .filter(|(message, name, _)| find_enum_words(message, name).is_none())
            .map(|(message, name, _)| format!("{message}.{name}"))
            .collect();
        missing.sort();
        assert_eq!(missing, [""; 0]);
    }
}
