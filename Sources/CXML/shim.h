#include <libxml/xmlversion.h>
// Debian's libxml2 shows ICU's types in its headers, which are of another version than Foundation's own ICU: a module that
// sees both does not compile. Only fields that nothing here touches are of those types.
#undef LIBXML_ICU_ENABLED
#include <libxml/parser.h>
#include <libxml/tree.h>
