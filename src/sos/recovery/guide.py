SHORT=""
def fill(f): return "guide"
def install(home, facts):
    p=home+"/RECOVERY.md"; open(p,"w").write("x"); return p
