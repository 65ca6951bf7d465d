'use strict'
const lily = require('./session.node')

const app = { visits: 0, theme: 'light' }

try {
  const session = lily.open('minimal', app, ['visits', 'theme']) // fills app from the file
  if (process.argv[2] === 'logout') {
    lily.clear(session) // removes all that is stored
  } else {
    app.visits++
    app.theme = process.argv[2] ?? app.theme
    lily.persist(session) // stores what changed
    console.log(`visit ${app.visits}, theme ${app.theme}`)
  }
  lily.close(session)
} catch (error) {
  console.error(`minimal: ${error.message}`)
  process.exit(1)
}
