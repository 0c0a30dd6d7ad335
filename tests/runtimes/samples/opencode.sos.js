// SOS in OpenCode: mail is added to prompts and tool results, the shell tool and our MCP tools know their session, and an
// idle session is woken. Nothing here may throw or hang: OpenCode would refuse the prompt, or wait for ever.
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"

const HOOK = ["@HOOK@"]
const WAIT = ["@WAIT@"]
const LIMIT = 5000

// The text that the hook command answers with, or "" where it fails or takes more than LIMIT milliseconds.
function ask(call) {
  return new Promise((resolve) => {
    const hook = spawn(HOOK[0], HOOK.slice(1), { stdio: ["pipe", "pipe", "ignore"], timeout: LIMIT, killSignal: "SIGKILL" })
    let answer = ""
    hook.on("error", () => resolve(""))
    hook.stdin.on("error", () => {})
    hook.stdout.on("data", (piece) => (answer += piece))
    hook.on("close", () => {
      try {
        resolve(String(JSON.parse(answer).additionalContext ?? ""))
      } catch {
        resolve("")
      }
    })
    hook.stdin.end(JSON.stringify(call))
  })
}

export const Sos = async ({ client, directory }) => {
  const parents = new Map() // session -> its parent, or undefined
  const prompted = new Set() // sessions that go on because of us
  let shown // the session that the waiting command serves
  let waiting

  // A subagent's session has a parent, and is left in peace.
  async function isMain(id) {
    if (!parents.has(id)) {
      const { data } = await client.session.get({ path: { id } })
      if (!data) return false
      parents.set(id, data.parentID)
    }
    return !parents.get(id)
  }

  async function mail(event, id, more = {}) {
    return (await isMain(id)) ? await ask({ event, sessionID: id, cwd: directory, pid: process.pid, ...more }) : ""
  }

  function prompt(id, text) {
    const body = { parts: [{ type: "text", text, synthetic: true }] }
    return client.session.promptAsync({ path: { id }, body }).catch(() => {})
  }

  function serve(id) {
    if (shown === id) return
    waiting?.kill()
    shown = id
    const command = spawn(WAIT[0], WAIT.slice(1), {
      env: { ...process.env, OPENCODE_SESSION_ID: id },
      stdio: ["ignore", "pipe", "ignore"],
    })
    command.on("error", () => {})
    createInterface({ input: command.stdout }).on("line", (line) => prompt(id, line))
    waiting = command
  }

  return {
    "chat.message": async ({ sessionID }, { message, parts }) => {
      const text = await mail("chat.message", sessionID)
      // Parts are sorted by their ids: this one stands behind the last.
      const last = parts.at(-1)
      if (text && last) {
        parts.push({ id: `${last.id}s`, sessionID, messageID: message.id, type: "text", text, synthetic: true })
      }
      if (await isMain(sessionID)) serve(sessionID)
    },
    "tool.execute.before": async ({ tool, sessionID }, output) => {
      if (tool.startsWith("sos_")) output.args = Object.assign(output.args, { session: sessionID })
    },
    "tool.execute.after": async ({ tool, sessionID }, output) => {
      const text = await mail("tool.execute.after", sessionID, { tool })
      if (!text) return
      if (Array.isArray(output.content)) output.content.push({ type: "text", text })
      else output.output += `\n${text}`
    },
    "shell.env": async ({ sessionID }, output) => {
      if (sessionID) output.env.OPENCODE_SESSION_ID = sessionID
    },
    event: async ({ event: { type, properties } }) => {
      if (type === "session.created") parents.set(properties.sessionID, properties.info.parentID)
      if (type !== "session.idle") return
      const id = properties.sessionID
      const again = prompted.delete(id)
      const text = await mail("session.idle", id, { again })
      if (!text || again) return
      prompted.add(id)
      await prompt(id, text)
    },
    dispose: async () => {
      waiting?.kill()
    },
  }
}
