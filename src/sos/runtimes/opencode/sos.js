// Written by `sos connect opencode`: mail is added to prompts and to the results of tools, and an idle session is woken.
// Nothing here may throw or hang: OpenCode would refuse the prompt, or wait for ever.
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"

const HOOK = "@HOOK@"
const WAIT = "@WAIT@"
const LIMIT = 5000
const NOTICE = "[sos] A notice of this machine, not of your user: "

// The text that the hook answers with; "" where it fails or takes more than LIMIT milliseconds.
function ask(event, told) {
  return new Promise((resolve) => {
    const hook = spawn(HOOK, ["opencode", event], { stdio: ["pipe", "pipe", "ignore"], timeout: LIMIT, killSignal: "SIGKILL" })
    let answer = ""
    hook.on("error", () => resolve(""))
    hook.stdin.on("error", () => {})
    hook.stdout.on("data", (piece) => (answer += piece))
    hook.on("close", () => {
      try {
        resolve(String(JSON.parse(answer).text ?? ""))
      } catch {
        resolve("")
      }
    })
    hook.stdin.end(JSON.stringify({ ...told, hook_event_name: event }))
  })
}

export const Sos = async ({ client, directory }) => {
  const parents = new Map() // session → its parent, or undefined
  const started = new Set()
  const continued = new Set() // sessions whose turn goes on because of us
  let served // the session that the waiting command serves
  let waiting

  // A subagent's session has a parent, and is left in peace.
  async function isMain(id) {
    if (!parents.has(id)) {
      try {
        const { data } = await client.session.get({ path: { id } })
        if (!data) return false
        parents.set(id, data.parentID)
      } catch {
        return false
      }
    }
    return !parents.get(id)
  }

  async function mail(event, id, more = {}) {
    if (!(await isMain(id))) return ""
    const told = { session_id: id, cwd: directory }
    if (!started.has(id)) {
      started.add(id)
      await ask("session.start", { ...told, source: "startup" })
    }
    return await ask(event, { ...told, ...more })
  }

  function prompt(id, text) {
    const body = { parts: [{ type: "text", text, synthetic: true }] }
    return client.session.promptAsync({ path: { id }, body }).catch(() => {})
  }

  // One process may run several sessions, one after the other: the waiting command follows.
  function serve(id) {
    if (served === id) return
    waiting?.kill()
    served = id
    waiting = spawn(WAIT, [], { env: { ...process.env, SOS_SESSION: id }, stdio: ["ignore", "pipe", "ignore"] })
    waiting.on("error", () => {})
    createInterface({ input: waiting.stdout }).on("line", (line) => prompt(id, NOTICE + line))
  }

  return {
    "chat.message": async ({ sessionID }, { message, parts }) => {
      const text = await mail("chat.message", sessionID)
      const last = parts.at(-1)
      // Parts are sorted by their ids: this one stands behind the last.
      if (text && last) {
        parts.push({ id: `${last.id}s`, sessionID, messageID: message.id, type: "text", text, synthetic: true })
      }
      if (started.has(sessionID)) serve(sessionID)
    },
    "tool.execute.after": async ({ sessionID }, output) => {
      const text = await mail("tool.execute.after", sessionID)
      if (!text) return
      if (Array.isArray(output.content)) output.content.push({ type: "text", text })
      else output.output += `\n${text}`
    },
    "experimental.session.compacting": async ({ sessionID }) => {
      await mail("experimental.session.compacting", sessionID)
    },
    "shell.env": async ({ sessionID }, output) => {
      if (sessionID) output.env.SOS_SESSION = sessionID
    },
    event: async ({ event: { type, properties } }) => {
      if (type === "session.created") parents.set(properties.sessionID, properties.info.parentID)
      if (type !== "session.idle" || !started.has(properties.sessionID)) return
      const id = properties.sessionID
      const again = continued.delete(id)
      const text = await mail("session.idle", id, { stop_hook_active: again })
      if (!text) return
      continued.add(id)
      await prompt(id, text)
    },
    dispose: async () => {
      waiting?.kill()
      for (const id of started) await ask("session.end", { session_id: id, cwd: directory })
    },
  }
}
