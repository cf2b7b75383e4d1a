// What shows a page to the person at this terminal.
#ifndef HP_CLIENT_COMMANDS_BROWSER_H_
#define HP_CLIENT_COMMANDS_BROWSER_H_

#include <string>

namespace halfpipe {

// Has the desktop's browser open `url` (xdg-open), and does not wait for it.
// False: there is no desktop (neither DISPLAY nor WAYLAND_DISPLAY is set), or
// no xdg-open, or standard output is no terminal, so that nobody sits there.
// While it starts, every account of this machine can read `url` in its
// arguments.
[[nodiscard]] bool OpenInBrowser(const std::string& url);

}  // namespace halfpipe

#endif  // HP_CLIENT_COMMANDS_BROWSER_H_
