-- Removes a stream that is empty, in whichever slot it is. KEYS: the stream.
if call('TYPE', KEYS[1]).ok == 'stream' and call('XLEN', KEYS[1]) == 0 then
  call('DEL', KEYS[1])
end
