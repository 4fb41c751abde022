-- Sends the requests of a file in order, and then starts again. Each line has method, path and body,
-- separated by tabs.
local requests, at = {}, 0

function init(arguments)
  for line in io.lines(arguments[1]) do
    local method, path, body = line:match("^(%S+)\t(%S+)\t(.*)$")
    local headers = { ["Content-Type"] = "application/json" }
    if body == "" then
      body, headers = nil, nil
    end
    requests[#requests + 1] = wrk.format(method, path, headers, body)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
