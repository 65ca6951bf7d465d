/* wcwidth is declared only under _XOPEN_SOURCE, which a module's headers cannot ask for. */
#include <wchar.h>
int wcwidth(wchar_t character);
