// SPDX-License-Identifier: Apache-2.0
#ifndef TICKETFERRY_CLIBXML2_SHIM_H
#define TICKETFERRY_CLIBXML2_SHIM_H

// Debian's libxml2 is built with ICU, whose C++-flavoured headers the importer must not see.
#include <libxml/xmlversion.h>
#undef LIBXML_ICU_ENABLED
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/xmlerror.h>

#endif
