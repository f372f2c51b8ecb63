// SPDX-License-Identifier: BSD-2-Clause
#include "trace/marks.h"

#include <errno.h>
#include <json-c/json.h>

int marks_check(const char *dir, const char *manifest, struct diag *d)
{
	enum json_tokener_error err;
	struct json_object *root = json_tokener_parse_verbose(manifest, &err);
	struct json_object *sonde = NULL, *schema = NULL;
	s64 number;
	int r = 0;

	if (err != json_tokener_success) {
		r = diag_err(d, -EBADMSG, "%s is no sonde trace: its manifest.json is damaged",
			     dir);
	} else if (!json_object_is_type(root, json_type_object) ||
		   !json_object_object_get_ex(root, "sonde", &sonde) ||
		   !json_object_is_type(sonde, json_type_object)) {
		r = diag_err(d, -EINVAL,
			     "%s is no sonde trace: its manifest.json is something else's", dir);
	} else if (!json_object_object_get_ex(sonde, "schema", &schema) ||
		   !json_object_is_type(schema, json_type_int)) {
		r = diag_err(d, -EINVAL, "%s does not say which schema it has", dir);
	} else {
		number = json_object_get_int64(schema);
		if (number > TRACE_SCHEMA)
			r = diag_err(
				d, -EINVAL,
				"%s was written by a newer sonde: it has schema %lld, and this "
				"one reads %d",
				dir, (long long)number, TRACE_SCHEMA);
		else if (number < TRACE_SCHEMA)
			r = diag_err(d, -EINVAL, "%s has schema %lld, which never was", dir,
				     (long long)number);
	}
	(void)json_object_put(root);
	return r;
}
