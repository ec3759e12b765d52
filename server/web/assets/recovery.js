for(let t of document.querySelectorAll("button.print"))t.hidden=!1,t.addEventListener("click",()=>print());
