/**
 * The page that hands our events to Stately's viewer, as `@statelyai/inspect/server` does it, but with
 * the token, and with everything again whenever the viewer says that it is there.
 */
const viewerUrl = 'https://stately.ai/inspect'

const html = `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width">
  <title>vllm-chill in Stately's inspector</title>
  <link rel="stylesheet" href="/proxy/inspect/viewer.css">
  <script type="module" src="/proxy/inspect/viewer.js"></script>
</head>
<body>
  <form hidden>
    <label>Operations token <input type="password" autocomplete="off" required></label>
    <button>Look</button>
  </form>
  <p role="status">Waiting for Stately's viewer, which needs the internet.</p>
  <iframe title="Stately's inspector" src="${viewerUrl}"></iframe>
</body>
</html>
`

const css = `html, body { height: 100%; margin: 0; }
body { display: flex; flex-direction: column; font-family: system-ui, sans-serif; color-scheme: light dark; }
form:not([hidden]), p { padding: 0.5rem 1rem; margin: 0; }
p:empty { display: none; }
iframe { flex: 1; border: 0; }
`

const script = `const frame = document.querySelector('iframe')
const form = document.querySelector('form')
const says = document.querySelector('p')
let token = ''
let viewer
let socket

addEventListener('message', ({ source, origin, data }) => {
  if (source !== frame.contentWindow || data?.type !== '@statelyai.connected') return
  viewer = origin
  connect()
})

form.addEventListener('submit', (event) => {
  event.preventDefault()
  token = form.querySelector('input').value
  connect()
})

function connect() {
  if (socket) socket.onclose = null
  socket?.close()
  let opened = false
  const address = new URL('/proxy/inspect/socket', location.href)
  address.protocol = address.protocol.replace('http', 'ws')
  socket = new WebSocket(address, ['vllm-chill-inspect', ...(token ? [tokenWord(token)] : [])])
  socket.onopen = () => {
    opened = true
    form.hidden = true
    says.textContent = ''
  }
  socket.onmessage = ({ data }) => frame.contentWindow.postMessage(JSON.parse(data), viewer)
  socket.onclose = () => {
    says.textContent = opened ? 'vllm-chill is away; trying again.' : 'It was refused: give the operations token, or open this page on its own machine.'
    form.hidden = opened
    if (opened) setTimeout(connect, 2000)
  }
}

function tokenWord(text) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(text))
  return 'bearer.' + btoa(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}
`

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  // It may send itself on to another of its hosts.
  'frame-src https://stately.ai https://*.stately.ai',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

function file(type: string, text: string): () => Response {
  const headers = {
    'content-type': `${type}; charset=utf-8`,
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  }
  return () => new Response(text, { headers })
}

/** Nothing is told by these, so they are open to everybody; the socket is not. */
export const pageFiles: Readonly<Record<string, () => Response>> = {
  '/proxy/inspect': file('text/html', html),
  '/proxy/inspect/viewer.css': file('text/css', css),
  '/proxy/inspect/viewer.js': file('text/javascript', script),
}
