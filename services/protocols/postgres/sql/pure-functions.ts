/**
 * Functions of pg_catalog that a statement may call without that being an effect: they compute a value from their arguments,
 * or tell what every client may know. A name stands for all its overloads, so a name with one dangerous overload is not here.
 *
 * Left out, each for its reason: what runs SQL text (query_to_xml, ts_stat, ts_rewrite, cursor_to_xml), what runs another type's
 * input by name (pg_input_is_valid), what changes state (nextval, setval, set_config, pg_notify, lo_*, advisory locks, txid_current,
 * setseed), what waits (pg_sleep), what shows other sessions, files, settings or other people's SQL (pg_stat_get_*, pg_read_file,
 * current_setting, pg_get_functiondef, pg_get_viewdef, obj_description), sizes (pg_relation_size) and the server's own addresses
 * (inet_server_addr). current_setting and set_config are looked at again in settings.ts.
 */
const groups = {
  'numbers: arithmetic, rounding, logarithms, trigonometry': `
    abs acos acosd acosh asin asind asinh atan atan2 atan2d atand atanh cbrt ceil ceiling cos cosd cosh cot cotd degrees
    div erf erfc exp factorial floor gamma gcd lcm lgamma ln log log10 min_scale mod numeric pi pow power radians round scale
    sign sin sind sinh sqrt tan tand tanh trim_scale trunc width_bucket float4 float8 int2 int4 int8 money to_bin to_hex to_oct
    bit_count`,

  'random values: nothing to be learnt, nothing changed (setseed is not here)': `
    random random_normal gen_random_uuid uuidv4 uuidv7 uuid_extract_timestamp uuid_extract_version`,

  'text: what is made of it comes from the arguments alone': `
    ascii bit_length bpchar btrim casefold char char_length character_length chr concat concat_ws format initcap is_normalized left
    length lower lpad ltrim md5 name normalize octet_length overlay parse_ident position quote_ident quote_literal
    quote_nullable regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array
    regexp_split_to_table regexp_substr repeat replace reverse right rpad rtrim similar_escape similar_to_escape split_part
    starts_with string_to_array string_to_table strpos substr substring text to_ascii to_number translate unicode_assigned
    unicode_version icu_unicode_version unistr upper varchar like like_escape notlike textcat textlen text_ge text_gt text_le
    text_lt texteq textne textlike textnlike texticlike texticnlike textregexeq textregexne texticregexeq texticregexne
    bytealike byteacat pg_client_encoding getdatabaseencoding pg_char_to_encoding pg_encoding_to_char
    pg_encoding_max_length`,

  'bytes: encodings and digests': `
    convert convert_from convert_to crc32 crc32c decode encode get_bit get_byte set_bit set_byte sha224 sha256 sha384 sha512`,

  'dates and times; the clock is no secret': `
    age clock_timestamp date date_add date_bin date_part date_subtract date_trunc extract interval isfinite justify_days
    justify_hours justify_interval make_date make_interval make_time make_timestamp make_timestamptz
    now statement_timestamp time timeofday timestamp timestamptz timetz timezone to_char to_date to_timestamp
    transaction_timestamp overlaps`,

  'series and sets': `
    generate_series generate_subscripts unnest`,

  arrays: `
    array_agg array_append array_cat array_dims array_fill array_length array_lower array_ndims array_position array_positions
    array_prepend array_remove array_replace array_reverse array_sample array_shuffle array_sort array_to_json array_to_string
    array_to_tsvector array_upper cardinality trim_array`,

  'JSON; jsonb_populate_record and its like make values of a type, which is noted as a cast': `
    json_agg json_agg_strict json_array_element json_array_element_text json_array_elements json_array_elements_text
    json_array_length json_build_array json_build_object json_each json_each_text json_extract_path json_extract_path_text
    json_object json_object_agg json_object_agg_strict json_object_agg_unique json_object_agg_unique_strict json_object_field
    json_object_field_text json_object_keys json_populate_record json_populate_recordset json_strip_nulls json_to_record
    json_to_recordset json_to_tsvector json_typeof jsonb_agg jsonb_agg_strict jsonb_array_element jsonb_array_element_text
    jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_concat
    jsonb_contained jsonb_contains jsonb_delete jsonb_delete_path jsonb_each jsonb_each_text jsonb_exists jsonb_exists_all
    jsonb_exists_any jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_agg
    jsonb_object_agg_strict jsonb_object_agg_unique jsonb_object_agg_unique_strict jsonb_object_field
    jsonb_object_field_text jsonb_object_keys jsonb_path_exists jsonb_path_exists_opr jsonb_path_exists_tz jsonb_path_match
    jsonb_path_match_opr jsonb_path_match_tz jsonb_path_query jsonb_path_query_array jsonb_path_query_array_tz
    jsonb_path_query_first jsonb_path_query_first_tz jsonb_path_query_tz jsonb_populate_record jsonb_populate_recordset
    jsonb_pretty jsonb_set jsonb_set_lax jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_to_tsvector jsonb_typeof
    row_to_json to_json to_jsonb`,

  'XML that is built or searched, not run': `
    xmlagg xmlcomment xmlexists xml xml_is_well_formed xml_is_well_formed_content xml_is_well_formed_document
    xmltext xpath xpath_exists`,

  ranges: `
    datemultirange daterange int4multirange int4range int8multirange int8range isempty lower_inc lower_inf multirange
    nummultirange numrange range_agg range_intersect_agg range_merge tsmultirange tsrange tstzmultirange tstzrange upper_inc
    upper_inf`,

  enums: `
    enum_first enum_last enum_range`,

  aggregates: `
    any_value avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp every max min mode percentile_cont
    percentile_disc regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy stddev
    stddev_pop stddev_samp string_agg sum var_pop var_samp variance`,

  'window functions': `
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number`,

  'network addresses as values': `
    abbrev broadcast cidr family host hostmask inet_merge inet_same_family macaddr macaddr8 macaddr8_set7bit masklen
    netmask network set_masklen`,

  geometry: `
    area bound_box box center circle diagonal diameter height isclosed ishorizontal isopen isparallel isperp isvertical line
    lseg npoints path pclose point polygon popen radius slope width`,

  'text search; configurations are the server’s own files': `
    get_current_ts_config numnode phraseto_tsquery plainto_tsquery querytree setweight strip to_tsquery to_tsvector ts_debug
    ts_delete ts_filter ts_headline ts_lexize ts_match_qv ts_match_tq ts_match_tt ts_match_vq ts_parse ts_rank ts_rank_cd
    ts_token_type tsquery_phrase tsvector_to_array websearch_to_tsquery`,

  'bit strings, booleans, row and null tests': `
    bit bool varbit num_nonnulls num_nulls oid`,

  'who and where the session is: what every driver asks': `
    version current_database current_schema current_schemas current_user session_user system_user
    getpgusername current_query pg_backend_pid pg_is_in_recovery pg_jit_available pg_my_temp_schema
    pg_is_other_temp_schema pg_trigger_depth pg_collation_for pg_typeof pg_column_size pg_column_compression
    pg_column_toast_chunk_id currval lastval`,

  'names of the catalog: what psql and every ORM asks; contents need rights on the catalog’s own tables': `
    format_type oidvectortypes pg_get_userbyid pg_get_expr pg_get_keywords pg_get_serial_sequence pg_table_is_visible
    pg_type_is_visible pg_function_is_visible pg_operator_is_visible pg_opclass_is_visible pg_opfamily_is_visible
    pg_collation_is_visible pg_conversion_is_visible pg_statistics_obj_is_visible pg_ts_config_is_visible
    pg_ts_dict_is_visible pg_ts_parser_is_visible pg_ts_template_is_visible to_regclass to_regcollation to_regnamespace
    to_regoper to_regoperator to_regproc to_regprocedure to_regrole to_regtype to_regtypemod regclass pg_size_bytes
    pg_size_pretty pg_basetype acldefault aclexplode makeaclitem pg_has_role has_any_column_privilege has_column_privilege
    has_database_privilege has_foreign_data_wrapper_privilege has_function_privilege has_language_privilege
    has_largeobject_privilege has_parameter_privilege has_schema_privilege has_sequence_privilege has_server_privilege
    has_table_privilege has_tablespace_privilege has_type_privilege row_security_active`,
} as const;

const names: ReadonlySet<string> = new Set(
  Object.values(groups).flatMap((group) => group.trim().split(/\s+/)),
);

/** Whether all overloads of this name in pg_catalog are harmless. */
export const isPure = (name: string): boolean => names.has(name);

/** For tests, which look every name up in a server. */
export const pureFunctions: ReadonlySet<string> = names;
