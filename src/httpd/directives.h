/* httpd/directives.h - httpd's command table, made from session/rows.def. */
#ifndef DJS_HTTPD_DIRECTIVES_H
#define DJS_HTTPD_DIRECTIVES_H

#include <http_config.h>

extern const command_rec djs_directives[];

#endif
